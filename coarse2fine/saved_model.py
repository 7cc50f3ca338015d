"""What a SavedModel holds, read before TensorFlow loads it."""

import os
import pathlib
import stat
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from coarse2fine.errors import InputError, listed, reason_of, shown
from coarse2fine.served_operations import OF_SAVER, OPERATIONS

FILE = "saved_model.pb"

# Of the objects that loading makes again; others initialise themselves or read files.
_KINDS = {
    "user_object",
    "function",
    "variable",
    "bare_concrete_function",
    "constant",
    "captured_tensor",
}
_CLASSES = {
    "_generic_user_object",
    "signature_map",
    "trackable_list_wrapper",
    "trackable_dict_wrapper",
    "trackable_tuple_wrapper",
}

_CONSTANT = "tf.TrackableConstant"


def check_saved_model(path: pathlib.Path) -> None:
    """Raises `InputError` unless a SavedModel is one that `export` can have written.

    Its files lie in its folder, and it has no operation beyond `OPERATIONS`, in whatever function.
    So loading and calling it computes: it cannot touch a file or run other code. That is no
    sandbox: TensorFlow itself may have faults, so models come from trusted origins only.

    Args:
        path: the SavedModel's folder. The message begins with what is wrong with it, for the caller
            to name the model before it.
    """
    _check_files(path)
    try:
        model = saved_model_pb2.SavedModel.FromString((path / FILE).read_bytes())
    except (OSError, DecodeError) as error:
        raise InputError(f"its {FILE} cannot be read: {reason_of(error)}") from error
    problems = list(_problems(model))
    if problems:
        raise InputError(f"it has what no export of coarse2fine has: {'; '.join(problems)}")


def _check_files(path: pathlib.Path) -> None:
    """Raises `InputError` for links that lead out of the folder, and for pipes and the like."""
    root = os.path.realpath(path)
    for folder, folders, files in os.walk(path):
        for name in [*folders, *files]:
            place = os.path.join(folder, name)
            real = os.path.realpath(place)
            is_inside = os.path.commonpath([root, real]) == root
            if not is_inside or not os.path.exists(real):
                raise InputError(f"{shown(place)} is a link that leads out of it or nowhere")
            mode = os.stat(real).st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise InputError(f"{shown(place)} is no regular file")


def _problems(model: saved_model_pb2.SavedModel) -> Iterator[str]:
    graphs = model.meta_graphs
    # Without its objects a model would be loaded as TensorFlow 1 did, which runs operations.
    if len(graphs) != 1 or not graphs[0].HasField("object_graph_def"):
        yield "several graphs, or one without its objects"
        return
    graph, objects = graphs[0].graph_def, graphs[0].object_graph_def
    functions = {function.signature.name: function for function in graph.library.function}
    operations = {node.op for node in graph.node}
    operations |= {node.op for function in functions.values() for node in function.node_def}
    unknown = operations - OPERATIONS - OF_SAVER - functions.keys()
    if unknown:
        yield f"the operations {listed(sorted(unknown))}"
    of_saver = {
        name
        for name, function in functions.items()
        if any(node.op in OF_SAVER for node in function.node_def)
    }
    called = {*_called_by_objects(objects)}
    for function in functions.values():
        called |= {*_called_by_nodes(function.node_def)} | {
            node.op for node in function.node_def if node.op in functions
        }
    if called & of_saver or any(node.op in OF_SAVER for node in graph.node):
        yield "functions that write or read checkpoints when they are called"
    if called - functions.keys():
        yield f"calls of functions that it does not hold ({listed(sorted(called - {*functions}))})"
    if graphs[0].asset_file_def:
        yield "asset files"
    if any(not _is_plain(node) for node in objects.nodes):
        yield "objects of other kinds"


def _called_by_objects(objects: Any) -> Iterator[str]:
    yield from objects.concrete_functions
    for node in objects.nodes:
        yield from node.function.concrete_functions
        if node.HasField("bare_concrete_function"):
            yield node.bare_concrete_function.concrete_function_name


def _called_by_nodes(nodes: Iterable[Any]) -> Iterator[str]:
    for node in nodes:
        for value in node.attr.values():
            yield from (called.name for called in (value.func, *value.list.func) if called.name)


def _is_plain(node: Any) -> bool:
    """Whether an object is made again without a class or a saver that it names."""
    return (
        node.WhichOneof("kind") in _KINDS
        and (not node.HasField("user_object") or node.user_object.identifier in _CLASSES)
        and not node.saveable_objects
        and node.registered_name in ("", _CONSTANT)
        and not node.registered_saver
    )
