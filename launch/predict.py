"""Predicts the classes of image files with an exported model.

A model is a program: use one from a trusted origin.

python launch/predict.py --model=/tmp/model image.jpg ...
"""

import json
import pathlib
import sys
from typing import Any

import common
from absl import flags

_MODEL = flags.DEFINE_string(
    "model", None, "An exported SavedModel, from a trusted origin: it is a program.", required=True
)
_ERROR = flags.DEFINE_float(
    "error",
    None,
    "An error rate to keep below, of a model whose run was evaluated with --error: names the fine "
    "class where that is sure enough, else the coarse class, else nothing.",
)
_JSON = flags.DEFINE_bool("json", False, "One JSON line an image.")


def main(paths: list[str]) -> None:
    """Prints the best classes of each image, best first; with --error the one it is named by."""
    from coarse2fine.errors import InputError, reason_of
    from coarse2fine.export import ExportedModel

    if not paths:
        raise InputError("No image was given: name one or more files after the flags.")
    model = ExportedModel(_MODEL.value)
    if _ERROR.value is not None:
        model.check_backs_off(_ERROR.value)
    failed = 0
    for path in paths:
        try:
            encoded = pathlib.Path(path).read_bytes()
            if _ERROR.value is not None:
                _print_named(path, model.name(encoded, _ERROR.value))
                continue
            best = model.predict(encoded)
        except (InputError, OSError) as error:
            failed += 1
            print(f"Error: {path}: {reason_of(error)}", file=sys.stderr)
            continue
        if _JSON.value:
            print(json.dumps({"path": path, "best": best}, ensure_ascii=False))
            continue
        print(path)
        for named in best:
            fine = f"{named['fine_probability']:7.2%} {named['fine']}, " if "fine" in named else ""
            print(f"  {fine}{named['coarse_probability']:7.2%} {named['coarse']}")
    if failed:
        raise InputError(f"{failed} of {len(paths)} files could not be answered.")


def _print_named(path: str, named: dict[str, Any]) -> None:
    if _JSON.value:
        print(json.dumps({"path": path, **named}, ensure_ascii=False))
    elif named["level"] is None:
        print(f"{path}\n  not sure enough")
    else:
        print(f"{path}\n  {named['probability']:7.2%} {named['name']} ({named['level']})")


if __name__ == "__main__":
    common.run(main, takes_arguments=True)
