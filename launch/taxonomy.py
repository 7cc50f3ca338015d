"""Makes a taxonomy from WordNet's is-a edges or ILSVRC2010's table, and says how large it is.

python launch/taxonomy.py --ilsvrc2010=meta.mat --output=ilsvrc2010.json
python launch/taxonomy.py --is_a=is_a.tsv --leaves=leaves.txt --num_coarse=20 --output=mine.csv
"""

import inspect
from collections.abc import Callable
from typing import Any

import common
from absl import flags

from coarse2fine import taxonomy
from coarse2fine.errors import InputError
from coarse2fine.taxonomy.named_synsets import NONE, SEVERAL

_TEXT, _NUMBER, _CHOICE = flags.DEFINE_string, flags.DEFINE_integer, flags.DEFINE_enum
_LIST = "a file with one wnid a line, or wnids with commas between"
_FLAGS = (
    _TEXT("ilsvrc2010", None, "The development kit's meta.mat: makes Lei 2017's subset."),
    _TEXT("is_a", None, "Is-a edges, a file of lines: child, tab, parent, tab, kind."),
    _TEXT("leaves", None, f"The fine classes: {_LIST}."),
    _TEXT("coarse", None, f"The coarse classes: {_LIST}."),
    _NUMBER("num_coarse", None, "Instead: cut the hierarchy into about so many of them."),
    _NUMBER("depth", None, "Instead: cut it so many edges below its root."),
    _CHOICE("several", None, SEVERAL, "A leaf under several of --coarse: default error."),
    _CHOICE("none", None, NONE, "A leaf under none of --coarse: default error."),
    _TEXT("rest_name", None, "The coarse class that --none=rest makes: default rest."),
    _TEXT("names", None, "A file of lines: wnid, tab, name. By default wnids are names."),
)
_OUTPUT = _TEXT("output", None, "The taxonomy's file, a new one that ends in .json or .csv.")

_WAYS: dict[str, Callable[..., taxonomy.Taxonomy]] = {
    "coarse": taxonomy.coarse_from_synsets,
    "num_coarse": taxonomy.cut_into,
    "depth": taxonomy.cut_at_depth,
}
_READ: dict[str, Callable[[str], Any]] = {
    "is_a": taxonomy.read_is_a,
    "leaves": taxonomy.parse_synsets,
    "coarse": taxonomy.parse_synsets,
    "names": taxonomy.read_synset_names,
}


def main() -> None:
    """Reads the flags, makes the taxonomy and writes it."""
    if _OUTPUT.value is not None:
        taxonomy.check_new_taxonomy_file(_OUTPUT.value)
    made = _make({flag.name: flag.value for flag in _FLAGS if flag.value is not None})
    print(taxonomy.size_text(made))
    if _OUTPUT.value is not None:
        taxonomy.write_taxonomy(made, _OUTPUT.value)
        print(f"Wrote {_OUTPUT.value}")


def _make(given: dict[str, Any]) -> taxonomy.Taxonomy:
    if given.keys() == {"ilsvrc2010"}:
        return taxonomy.ilsvrc2010(given["ilsvrc2010"])
    ways = [name for name in _WAYS if name in given]
    if len(ways) != 1 or "ilsvrc2010" in given or not {"is_a", "leaves"} <= given.keys():
        raise InputError(
            "Give either --ilsvrc2010 alone, or --is_a and --leaves with one of --coarse, "
            f"--num_coarse and --depth. Given: {', '.join(f'--{n}' for n in given) or 'none'}."
        )
    make = _WAYS[ways[0]]
    for name in given:
        if name not in inspect.signature(make).parameters:
            raise InputError(f"--{name} does not go with --{ways[0]}.")
    values = {name: _READ.get(name, lambda value: value)(given[name]) for name in given}
    made = make(**values)
    if left_out := len(values["leaves"]) - made.num_fine:
        print(f"Leaves under none of the coarse synsets, left out: {left_out}.")
    return made


if __name__ == "__main__":
    common.run(main)
