"""What all base networks ask of their arguments."""

from collections.abc import Callable

from coarse2fine.errors import InputError


def check_arguments(
    network: str, input_shape: tuple[int, int, int], width: float, dropout: float
) -> None:
    """Raises `InputError` where an argument of base network `network` cannot be used."""
    if len(input_shape) != 3 or not all(isinstance(n, int) and n > 0 for n in input_shape):
        raise InputError(
            f"{network}: input_shape must be (height, width, channels), got {input_shape!r}."
        )
    if width <= 0:
        raise InputError(f"{network}: width must be positive, got {width!r}.")
    if not 0 <= dropout < 1:
        raise InputError(f"{network}: dropout must be at least 0 and below 1, got {dropout!r}.")


def scaled(width: float) -> Callable[[int], int]:
    """A function from the paper's number of channels to this network's: at least 1."""
    return lambda channels: max(1, round(width * channels))
