"""Whether the values of a config are of the types that its fields say."""

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from coarse2fine.taxonomy.taxonomy import is_utf8

_LARGEST = 2**63 - 1  # Of TensorFlow's integers.
_LONGEST = 60

_EXPECTED: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    types.NoneType: "none",
}


def find_type_problems(
    values: Mapping[str, Any], hints: Mapping[str, Any], defaults: Mapping[str, Any]
) -> list[str]:
    """One clause for each value that is of another type than its field's.

    Args:
        values: by name.
        hints: the fields' types, by name.
        defaults: of the fields; a value that is its default is right.
    """
    return [
        f"{name} is {_short(value)}, expected {expected}"
        for name, value in values.items()
        if value is not defaults[name]
        for expected in [" or ".join(_expected(hints[name]))]
        if not _is_of(value, hints[name])
    ]


def _is_of(value: Any, hint: Any) -> bool:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_is_of(value, each) for each in args)
    if origin is typing.Literal:
        return isinstance(value, str)  # Which words there are is checked with the ranges.
    if origin is tuple:
        return isinstance(value, list | tuple) and _are_of(value, args)
    if hint is float:
        return _is_number(value)
    if hint is int:
        return type(value) is int and abs(value) <= _LARGEST
    if hint is str:
        # A path is one of these too.
        return isinstance(value, str) and is_utf8(value) and "\0" not in value
    return isinstance(value, hint)


def _are_of(values: Any, hints: tuple[Any, ...]) -> bool:
    """Whether a tuple's values are of its types, of which the last may be `...`."""
    if hints[-1] is Ellipsis:
        return all(_is_of(value, hints[0]) for value in values)
    return len(values) == len(hints) and all(map(_is_of, values, hints))


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _expected(hint: Any) -> Iterator[str]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        for each in args:
            yield from _expected(each)
    elif origin is typing.Literal:
        yield from args
    elif origin is tuple:
        yield "pairs of a share and a factor"
    else:
        yield _EXPECTED[hint]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
