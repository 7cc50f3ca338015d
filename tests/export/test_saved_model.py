"""A SavedModel that does more than compute is refused, and none of it is run."""

import os
import pathlib
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from coarse2fine.backbones import BACKBONES, create
from coarse2fine.data import ArraySource
from coarse2fine.errors import InputError
from coarse2fine.export import ExportedModel, export
from coarse2fine.layers import (
    LogSumExpCoarse,
    MeanPoolCoarse,
    MinPoolCoarse,
    SoftMinPoolCoarse,
)
from coarse2fine.saved_model import FILE, check_saved_model
from coarse2fine.served_operations import OPERATIONS
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, train

PETS = Taxonomy(("tabby", "pug", "boxer"), ("cat", "dog"), (0, 1, 1))
REFUSED = "Export the run again, and load models from trusted origins only."


def make_run(folder, size=32, **changes):
    """A run of one update."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, size, size, 3), dtype=np.uint8)
    source = ArraySource(images, PETS, np.arange(12) % 3)
    config = Config(
        **{
            "preprocess": "standardize",
            "batch_size": 4,
            "steps": 1,
            "schedule": "cosine",
            "validation_fraction": 0.0,
            **changes,
        }
    )
    return train(config, folder, source=source)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An exported model."""
    home = tmp_path_factory.mktemp("saved")
    export(make_run(home / "run", size=8, width=0.05), home / "model")
    return home / "model"


@pytest.fixture
def copy(model, tmp_path):
    """A copy of the exported model, to be changed."""
    return shutil.copytree(model, tmp_path / "model")


@pytest.mark.parametrize(
    ("backbone", "precision"),
    [*((name, "float32") for name in BACKBONES), ("nin", "mixed_bfloat16")],
)
def test_exports_of_every_backbone_are_loaded(backbone, precision, tmp_path):
    run = make_run(
        tmp_path / "run",
        size=67 if "imagenet" in backbone else 16,
        backbone=backbone,
        width=0.02,
        precision=precision,
    )
    export(run, tmp_path / "model")
    image = tf.io.encode_png(np.zeros((5, 7, 3), np.uint8)).numpy()
    assert len(ExportedModel(tmp_path / "model").predict(image)) == 3


def test_an_export_has_no_gradients(tmp_path):
    # Those of small maps in fastnet, which are its own, in bfloat16.
    run = make_run(
        tmp_path / "run", size=16, backbone="fastnet", width=0.5, precision="mixed_bfloat16"
    )
    export(run, tmp_path / "model")
    saved = saved_model_pb2.SavedModel.FromString((tmp_path / "model" / FILE).read_bytes())
    functions = saved.meta_graphs[0].graph_def.library.function
    operations = {node.op for function in functions for node in function.node_def}
    assert "IdentityN" in operations  # Where there is a gradient that it leaves out.
    assert not {each for each in operations if "Backprop" in each}


def test_networks_of_keras_applications_have_operations_on_the_list():
    network = create("keras.applications.MobileNetV3Small", input_shape=(32, 32, 3), width=1.0)
    spec = tf.TensorSpec((None, 32, 32, 3), tf.float32)
    graph = tf.function(lambda images: network(images, training=False)).get_concrete_function(spec)
    assert {operation.type for operation in graph.graph.get_operations()} <= OPERATIONS


@pytest.mark.parametrize(
    "kind", [MinPoolCoarse, MeanPoolCoarse, SoftMinPoolCoarse, LogSumExpCoarse]
)
@pytest.mark.parametrize("parent", [[0, 0, 1, 1], [2, 0, 1, 0, 0, 2, 0]])
def test_every_pooling_of_siblings_has_operations_on_the_list(kind, parent):
    spec = tf.TensorSpec((None, 3, 3, len(parent)), tf.float32)
    graph = tf.function(kind(parent)).get_concrete_function(spec).graph
    assert {operation.type for operation in graph.get_operations()} <= OPERATIONS


def own_network(tmp_path, layer):
    """The path of a `.keras` file of a network with one layer, and a convolution."""
    inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.Conv2D(4, 3)(layer(inputs))
    keras.Model(inputs, outputs).save(tmp_path / "own.keras")
    return str(tmp_path / "own.keras")


@keras.saving.register_keras_serializable("hostile")
class Leak(keras.layers.Layer):
    """Reads a file for each batch."""

    def call(self, images):
        return images + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), images.dtype)


def test_a_network_of_many_layers_of_keras_is_exported(tmp_path):
    layers = keras.layers

    def many(x):
        for layer in (
            layers.DepthwiseConv2D(3, padding="same"),
            layers.GroupNormalization(3),
            layers.Activation("gelu"),
            layers.LayerNormalization(),
            layers.UpSampling2D(2, interpolation="bilinear"),
            layers.Resizing(6, 6),
            layers.Reshape((36, 3)),
        ):
            x = layer(x)
        x = layers.MultiHeadAttention(2, 4)(x, x)
        return layers.Reshape((6, 6, 3))(layers.LSTM(3, return_sequences=True)(x))

    run = make_run(tmp_path / "run", size=8, backbone=own_network(tmp_path, many), preprocess="own")
    export(run, tmp_path / "model")
    ExportedModel(tmp_path / "model")


def test_a_network_that_would_not_be_loaded_is_not_exported(tmp_path):
    run = make_run(
        tmp_path / "run", size=8, backbone=own_network(tmp_path, Leak()), preprocess="own"
    )
    with pytest.raises(InputError) as error:
        export(run, tmp_path / "model")
    assert str(error.value) == (
        f"The model of the run in {tmp_path / 'run'} cannot be exported: it has what no export of "
        "coarse2fine has: the operations ReadFile. Put layers of Keras that compute alone in place "
        "of those that do more."
    )
    assert {path.name for path in tmp_path.iterdir()} == {"run", "own.keras"}


def write_file(canary, images):
    tf.io.write_file(str(canary), "run")
    return tf.zeros((1, 2))


def call_python(canary, images):
    return tf.py_function(lambda: canary.write_text("run") and np.zeros((1, 2)), [], tf.float32)


def call_numpy(canary, images):
    return tf.numpy_function(lambda: canary.write_text("run"), [], tf.int64, stateful=False)


def read_file(canary, images):
    return tf.io.read_file("/etc/hostname")


def print_to_a_file(canary, images):
    tf.print("run", output_stream=f"file://{canary}")
    return tf.zeros((1, 2))


def inside_a_loop(canary, images):
    def write(count):
        tf.io.write_file(str(canary), "run")
        return (count + 1,)

    return tf.while_loop(lambda count: count < 1, write, (tf.constant(0),))[0]


HOSTILE = {
    write_file: "WriteFile",
    call_python: "EagerPyFunc",
    call_numpy: "PyFuncStateless",
    read_file: "ReadFile",
    print_to_a_file: "PrintV2, StringFormat",
    inside_a_loop: "WriteFile",
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_an_operation_that_is_not_on_the_list_is_refused_and_not_run(attack, copy, tmp_path):
    canary = tmp_path / "canary"

    class Hostile(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="images")])
        def serve_encoded(self, images):
            return {"coarse_probabilities": attack(canary, images)}

    for name in (FILE, "fingerprint.pb"):
        (copy / name).unlink()
    shutil.rmtree(copy / "variables")
    hostile = Hostile()
    tf.saved_model.save(hostile, copy, {"serve_encoded": hostile.serve_encoded})
    with pytest.raises(InputError) as error:
        ExportedModel(copy)
    assert str(error.value) == (
        f"Model {copy} cannot be loaded: it has what no export of coarse2fine has: the operations "
        f"{HOSTILE[attack]}. {REFUSED}"
    )
    assert not canary.exists()


def test_a_table_that_is_filled_from_a_file_when_loaded_is_refused(copy, tmp_path):
    (tmp_path / "words.txt").write_text("cat\n")
    hostile = tf.Module()
    hostile.table = tf.lookup.StaticVocabularyTable(
        tf.lookup.TextFileInitializer(
            str(tmp_path / "words.txt"),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        1,
    )
    tf.saved_model.save(hostile, copy)
    with pytest.raises(
        InputError, match=r"the operations HashTableV2, Initialize.*asset files; obj"
    ):
        ExportedModel(copy)


def changed(copy, change):
    """Writes the model's graph anew after a change."""
    model = saved_model_pb2.SavedModel.FromString((copy / FILE).read_bytes())
    change(model.meta_graphs[0])
    (copy / FILE).write_bytes(model.SerializeToString())


def functions_of(graph, part):
    return [f for f in graph.graph_def.library.function if part in f.signature.name]


def call_the_saver(graph):
    (saver,) = functions_of(graph, "traced_save")
    for function in functions_of(graph, "signature_wrapper_serve_encoded"):
        for node in function.node_def:
            if node.op == "StatefulPartitionedCall":
                node.attr["f"].func.name = saver.signature.name


def call_the_saver_by_its_name(graph):
    (saver,) = functions_of(graph, "traced_save")
    functions_of(graph, "signature_wrapper_serve_encoded")[0].node_def[0].op = saver.signature.name


def name_the_saver_as_a_function(graph):
    (saver,) = functions_of(graph, "traced_save")
    objects = graph.object_graph_def
    node = next(node for node in objects.nodes if node.WhichOneof("kind") == "function")
    node.function.concrete_functions[:] = [saver.signature.name]


def call_another_programs_function(graph):
    for function in functions_of(graph, "signature_wrapper_serve_encoded"):
        for node in function.node_def:
            if node.op == "StatefulPartitionedCall":
                node.attr["f"].func.name = "elsewhere"


def leave_out_the_objects(graph):
    graph.ClearField("object_graph_def")


def initialise_a_resource(graph):
    graph.object_graph_def.nodes.add().resource.device = "CPU"


def restore_by_a_function(graph):
    graph.object_graph_def.nodes[1].saveable_objects["own"].restore_function = 1


def be_of_a_registered_class(graph):
    graph.object_graph_def.nodes[1].registered_name = "tf.Thing"


def revive_a_class(graph):
    graph.object_graph_def.nodes[0].user_object.identifier = "_tf_keras_layer"


SAVER = "functions that write or read checkpoints when they are called"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (call_the_saver, SAVER),
        (call_the_saver_by_its_name, SAVER),
        (name_the_saver_as_a_function, SAVER),
        (call_another_programs_function, r"calls of functions that it does not hold (elsewhere)"),
        (leave_out_the_objects, "several graphs, or one without its objects"),
        (initialise_a_resource, "objects of other kinds"),
        (restore_by_a_function, "objects of other kinds"),
        (be_of_a_registered_class, "objects of other kinds"),
        (revive_a_class, "objects of other kinds"),
    ],
)
def test_a_graph_in_which_a_checkpoint_or_a_class_would_be_run_is_refused(copy, change, problem):
    changed(copy, change)
    with pytest.raises(InputError) as error:
        ExportedModel(copy)
    assert str(error.value) == (
        f"Model {copy} cannot be loaded: it has what no export of coarse2fine has: {problem}. "
        f"{REFUSED}"
    )


def test_a_graph_that_is_written_anew_without_a_change_is_loaded(copy):
    changed(copy, lambda graph: None)
    ExportedModel(copy)


def test_files_that_lie_elsewhere_are_refused(copy, tmp_path):
    variables = copy / "variables" / "variables.index"
    shutil.move(variables, tmp_path / "elsewhere")
    variables.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError) as error:
        ExportedModel(copy)
    assert str(error.value) == (
        f"Model {copy} cannot be loaded: {variables} is a link that leads out of it or nowhere. "
        f"{REFUSED}"
    )


def test_a_model_below_a_link_is_loaded(copy, tmp_path):
    (tmp_path / "latest").symlink_to(copy)
    ExportedModel(tmp_path / "latest")


def test_a_pipe_in_place_of_a_file_is_refused_at_once(copy):
    (copy / "fingerprint.pb").unlink()
    os.mkfifo(copy / "fingerprint.pb")
    with pytest.raises(InputError, match=r"fingerprint\.pb is no regular file\. Export the run"):
        ExportedModel(copy)


def test_a_graph_in_another_form_is_not_looked_at(copy):
    (copy / FILE).rename(copy / "saved_model.pbtxt")
    with pytest.raises(InputError, match=r"^its saved_model\.pb cannot be read: No such file"):
        check_saved_model(pathlib.Path(copy))
