"""What TFDS would import to read a prepared set."""

import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

from coarse2fine.errors import InputError, listed, reason_of

# Others, such as `namespace:name`, are code that TFDS would look for elsewhere.
_NAME = re.compile(r"(\w+)(/[\w.+-]+)*(:[\d*][\w.*]*)?")
_OWN = "tensorflow_datasets."


def check_features(data_dir: str, name: str) -> None:
    """Raises `InputError` where a name, or a prepared set, stands for code that is not TFDS's own.

    TFDS imports the modules of the classes that a set's `features.json` names.

    Args:
        data_dir: the folder of prepared sets.
        name: of the set, as TFDS spells it.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise unknown_set(name, "its names are words, perhaps with /config and :version")
    for path in sorted((pathlib.Path(data_dir) / match[1]).rglob("features.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            foreign = [each for each in _classes(content) if not each.startswith(_OWN)]
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{path} cannot be read: {reason_of(error)}.") from error
        if foreign:
            raise InputError(
                f"{path} names classes that are not TFDS's own, which would be imported: "
                f"{listed(foreign)}. Use a set that TFDS prepared."
            )


def unknown_set(name: str, reason: str) -> InputError:
    """What to raise for the name of a set that there is not, with what TFDS says of it."""
    return InputError(
        f"Unknown data set {name!r}. Known: shapes, shapes/<coarse>x<fine of each>, and the image "
        f"sets of TensorFlow Datasets (cifar100, cifar10, ...). TFDS says: {reason}"
    )


def _classes(content: Any) -> Iterator[str]:
    """All values of `pythonClassName`, however deep."""
    if isinstance(content, dict):
        if "pythonClassName" in content:
            yield str(content["pythonClassName"])
        content = [*content.values()]
    for each in content if isinstance(content, list) else ():
        yield from _classes(each)
