"""The drawings of the built-in data set `shapes`: what its classes are, and every pixel of them.

A coarse class is a silhouette, a fine class a silhouette with one detail inside. Siblings therefore
share their outline, and nothing but the detail tells them apart.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from coarse2fine.errors import InputError

SIZE = 32
_DEGREE = np.float32(np.pi / 180)
_CHUNK = 64  # images drawn at once: small enough for the cache, large enough for numpy


@dataclass(frozen=True)
class Difficulty:
    """How far the nuisances go. Lengths are pixels, colours lie between 0 and 1.

    Args:
        radius: the shape's size, smallest and largest.
        shift: how far the centre moves along each axis.
        turn: how far the shape turns either way, in degrees.
        stretch: how far its axes differ in length, relative to 1.
        twist: how far the detail turns within the shape either way, in degrees.
        wander: how far the detail moves, in radii, and how far its size varies, relative to 1.
        shape_contrast: least difference in lightness between background and shape, below .5.
        detail_contrast: least and greatest difference between shape and detail, below .5.
        colour: how far the channels of one colour differ from its lightness.
        light: how far the light falls off from the centre to an edge, relative to 1.
        texture: how strongly the background is striped by slow waves.
        clutter: number of strokes behind the shape.
        occlusion: how often a stroke in front of the shape hides a part of it.
        blur: greatest width of an edge, beyond the one pixel of a sharp edge.
        noise: half the range of the sensor's noise.
    """

    radius: tuple[float, float] = (9.0, 12.5)
    shift: float = 3.0
    turn: float = 20.0
    stretch: float = 0.15
    twist: float = 10.0
    wander: float = 0.15
    shape_contrast: float = 0.3
    detail_contrast: tuple[float, float] = (0.25, 0.45)
    colour: float = 0.2
    light: float = 0.35
    texture: float = 0.12
    clutter: int = 2
    occlusion: float = 0.3
    blur: float = 1.5
    noise: float = 0.08


# A silhouette is a signed distance, negative inside, in the shape's own coordinates: origin at its
# centre, unit its radius. A detail is one too, and is also given the silhouette's.
Silhouette = Callable[[np.ndarray, np.ndarray], np.ndarray]
Detail = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _box(u: np.ndarray, v: np.ndarray, width: float, height: float) -> np.ndarray:
    return np.maximum(np.abs(u) - width, np.abs(v) - height)


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    # Two of the three sides mirror each other at the axis u = 0.
    return np.maximum(-v, 0.866 * np.abs(u) + 0.5 * v) - 0.58


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    # Fold the plane into half a point, which one straight side bounds: from the tip (1.15, 0) to
    # the notch, .55 from the centre at 36 degrees, so with the unit normal (.437, .900).
    angle = np.arctan2(u, v)
    angle = np.abs(angle - 0.4 * np.pi * np.round(angle / (0.4 * np.pi)))
    radius = np.hypot(u, v)
    return 0.437 * (radius * np.cos(angle) - 1.15) + 0.9 * radius * np.sin(angle)


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.minimum(_box(u, v, 1.0, 0.4), _box(u, v, 0.4, 1.0))


def _heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    # A square on its tip, and a disk on each of its two upper sides.
    u, v = np.abs(u), v - 0.1
    square = 0.7071 * np.maximum(u + v, u - v) - 0.62
    square = np.maximum(square, 0.7071 * (-u + np.abs(v)) - 0.62)
    return np.minimum(square, np.hypot(u - 0.44, v - 0.44) - 0.62)


def _crescent(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(np.hypot(u - 0.4, v) - 1.1, 0.75 - np.hypot(u - 1.05, v))


SILHOUETTES: dict[str, Silhouette] = {
    "disk": lambda u, v: np.hypot(u, v) - 0.95,
    "square": lambda u, v: _box(u, v, 0.82, 0.82),
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "heart": _heart,
    "crescent": _crescent,
    "pill": lambda u, v: np.hypot(u - np.clip(u, -0.6, 0.6), v) - 0.55,
}


def _wave(u: np.ndarray, period: float) -> np.ndarray:
    """Stripes as wide as the gaps between them; one is centred at the origin."""
    phase = u * (1 / period)
    return (np.abs(phase - np.round(phase)) - 0.25) * period


def _either(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Inside one of the two but not inside both."""
    return np.maximum(np.minimum(a, b), -np.maximum(a, b))


def _dots(u: np.ndarray, v: np.ndarray, period: float, radius: float) -> np.ndarray:
    u, v = u * (1 / period), v * (1 / period)
    return np.hypot(u - np.round(u), v - np.round(v)) * period - radius


DETAILS: dict[str, Detail] = {
    "striped": lambda u, v, edge: _wave(u, 0.62),
    "dotted": lambda u, v, edge: _dots(u, v, 0.6, 0.17),
    "checked": lambda u, v, edge: _either(_wave(u, 0.94), _wave(v, 0.94)),
    "ringed": lambda u, v, edge: np.abs(np.hypot(u, v) - 0.42) - 0.13,
    "cored": lambda u, v, edge: np.hypot(u, v) - 0.42,
    "halved": lambda u, v, edge: u,
    "quartered": lambda u, v, edge: _either(u, v),
    "barred": lambda u, v, edge: np.abs(u) - 0.17,
    "crossed": lambda u, v, edge: np.minimum(np.abs(u), np.abs(v)) - 0.13,
    "rimmed": lambda u, v, edge: -0.24 - edge,
}

MAX_COARSE = len(SILHOUETTES)
MAX_FINE_EACH = len(DETAILS)
_LIMITS = (
    f"2 to {MAX_COARSE} coarse classes of 2 to {MAX_FINE_EACH} fine ones each can be drawn, "
    "as in shapes/2x10; shapes alone is shapes/5x5"
)


def parse_name(name: str) -> tuple[int, int]:
    """The number of coarse classes, and of fine classes in each, that a data set's name asks for.

    >>> parse_name("shapes"), parse_name("shapes/2x10")
    ((5, 5), (2, 10))
    """
    match = re.fullmatch(r"shapes(?:/([0-9]{1,4})x([0-9]{1,4}))?", name)
    if match is None:
        raise InputError(f"Unknown data set {name!r}: {_LIMITS}.")
    counts = (5, 5) if match[1] is None else (int(match[1]), int(match[2]))
    _check_counts(*counts)
    return counts


def class_names(
    num_coarse: int, num_fine_each: int
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...]]:
    """Coarse names, fine names, and each fine class's parent.

    >>> class_names(2, 2)[1:]
    (('striped disk', 'dotted disk', 'striped square', 'dotted square'), (0, 0, 1, 1))
    """
    _check_counts(num_coarse, num_fine_each)
    coarse = tuple(SILHOUETTES)[:num_coarse]
    details = tuple(DETAILS)[:num_fine_each]
    fine = tuple(f"{detail} {silhouette}" for silhouette in coarse for detail in details)
    return coarse, fine, tuple(f // num_fine_each for f in range(len(fine)))


def draw(
    fine: Sequence[int] | np.ndarray,
    ids: Sequence[int] | np.ndarray,
    seed: int,
    num_fine_each: int,
    difficulty: Difficulty | None = None,
) -> np.ndarray:
    """Draws one image for each fine class and id.

    An image is a function of the seed, its id and its fine class alone: which others are drawn with
    it, and in which order, changes no pixel. Two classes drawn with one id differ in nothing but
    the class.

    Args:
        fine: `(n,)` fine classes, numbered as in `class_names`.
        ids: `(n,)` whole numbers, not negative.
        seed: any whole number.
        num_fine_each: fine classes in each coarse class.
        difficulty: how far the nuisances go; the data set's own where None.

    Returns:
        `(n, 32, 32, 3)` uint8 images.
    """
    fine, ids = np.asarray(fine, np.int64), np.asarray(ids, np.int64)
    _check_counts(2, num_fine_each)
    if fine.ndim != 1 or fine.shape != ids.shape:
        raise InputError(
            f"Expected one fine class for each id, got shapes {fine.shape} and {ids.shape}."
        )
    known = MAX_COARSE * num_fine_each
    if fine.size and not 0 <= fine.min() <= fine.max() < known:
        raise InputError(
            f"Fine classes {fine.min()} to {fine.max()} are asked for; "
            f"with {num_fine_each} in each coarse class they run from 0 to {known - 1}."
        )
    difficulty = difficulty or Difficulty()
    images = np.empty((len(fine), SIZE, SIZE, 3), np.uint8)
    for start in range(0, len(fine), _CHUNK):
        part = slice(start, start + _CHUNK)
        silhouette, detail = np.divmod(fine[part], num_fine_each)
        images[part] = _draw_chunk(silhouette, detail, _Draws(seed, ids[part]), difficulty)
    return images


def _draw_chunk(
    silhouette: np.ndarray, detail: np.ndarray, draws: "_Draws", difficulty: Difficulty
) -> np.ndarray:
    """Paints from back to front: background, clutter, shape, detail, occluder, light, noise.

    Numbers per image are `(n, 1)`, per pixel `(n, 1024)`, colours `(n, 3, 1)`, and the picture is
    `(n, 3, 1024)` until it is done.
    """
    d, uniform = difficulty, draws.uniform
    y, x = (np.mgrid[:SIZE, :SIZE].reshape(2, 1, -1) - (SIZE - 1) / 2).astype(np.float32)

    lightness = uniform(0, 1)
    background = _colour(lightness, draws, d.colour)
    lightness = (lightness + uniform(d.shape_contrast, 1 - d.shape_contrast)) % 1
    shape_colour = _colour(lightness, draws, d.colour)
    change = np.copysign(uniform(*d.detail_contrast), uniform(-1, 1))
    change = np.where(np.abs(lightness + change - 0.5) > 0.5, -change, change)
    detail_colour = shape_colour + _colour(change, draws, d.colour / 2)

    wave = np.sin(uniform(-0.7, 0.7) * x + uniform(-0.7, 0.7) * y + uniform(-3, 3))
    wave += np.sin(uniform(-0.7, 0.7) * x + uniform(-0.7, 0.7) * y + uniform(-3, 3))
    picture = background + d.texture * uniform(0, 0.5)[:, None] * wave[:, None]
    sharpness = 1 / (1 + uniform(0, d.blur))
    for _ in range(d.clutter):
        stroke = _stroke(x, y, uniform(-16, 16), uniform(-16, 16), draws)
        _paint(picture, _colour(uniform(0, 1), draws, d.colour), stroke * sharpness)

    radius, angle = uniform(*d.radius), uniform(-d.turn, d.turn) * _DEGREE
    centre_x, centre_y = uniform(-d.shift, d.shift), uniform(-d.shift, d.shift)
    stretch = 1 + uniform(-d.stretch, d.stretch)
    cos, sin = np.cos(angle), np.sin(angle)
    u = ((x - centre_x) * cos + (y - centre_y) * sin) / (radius * stretch)
    v = ((x - centre_x) * sin - (y - centre_y) * cos) / (radius / stretch)
    edge = _by_class(SILHOUETTES, silhouette, u, v)
    u, v = u + uniform(-d.wander, d.wander), v + uniform(-d.wander, d.wander)
    size, angle = 1 + uniform(-d.wander, d.wander), uniform(-d.twist, d.twist) * _DEGREE
    cos, sin = np.cos(angle) / size, np.sin(angle) / size
    u, v = u * cos + v * sin, v * cos - u * sin
    inner = _by_class(DETAILS, detail, u, v, edge)
    sharpness *= radius
    _paint(picture, shape_colour, edge * sharpness)
    _paint(picture, detail_colour, np.maximum(edge, inner) * sharpness)

    # The occluder crosses the shape's rim; where there is none it lies far outside the picture.
    direction, hidden = uniform(-np.pi, np.pi), uniform(0, 1) < d.occlusion
    reach = np.where(hidden, radius * uniform(0.5, 1.0), np.float32(1000))
    stroke_x, stroke_y = centre_x + reach * np.cos(direction), centre_y + reach * np.sin(direction)
    stroke = _stroke(x, y, stroke_x, stroke_y, draws)
    _paint(picture, _colour(uniform(0, 1), draws, d.colour), stroke)

    light = 1 + (uniform(-d.light, d.light) * x + uniform(-d.light, d.light) * y) / (SIZE / 2)
    picture *= light[:, None]
    picture += d.noise * draws.noise()
    pixels = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    return pixels.transpose(0, 2, 1).reshape(-1, SIZE, SIZE, 3)


def _by_class(
    table: dict[str, Callable[..., np.ndarray]], number: np.ndarray, *fields: np.ndarray
) -> np.ndarray:
    """The signed distances of each image, from the table's entry of that number."""
    distance = np.empty_like(fields[0])
    for i, function in enumerate(table.values()):
        own = number == i
        if own.any():
            distance[own] = function(*(field[own] for field in fields))
    return distance


def _colour(lightness: np.ndarray, draws: "_Draws", spread: float) -> np.ndarray:
    tint = np.stack([draws.uniform(-spread, spread) for _ in range(3)], axis=1)
    return lightness[:, None] + tint - tint.mean(axis=1, keepdims=True)


def _stroke(
    x: np.ndarray, y: np.ndarray, at_x: np.ndarray, at_y: np.ndarray, draws: "_Draws"
) -> np.ndarray:
    """Distance in pixels from a round-ended stroke of random direction, length and width."""
    direction, half = draws.uniform(-np.pi, np.pi), draws.uniform(0, 8)
    cos, sin = np.cos(direction), np.sin(direction)
    along = (x - at_x) * cos + (y - at_y) * sin
    across = (y - at_y) * cos - (x - at_x) * sin
    return np.hypot(along - np.clip(along, -half, half), across) - draws.uniform(1, 3)


def _paint(picture: np.ndarray, colour: np.ndarray, distance: np.ndarray) -> None:
    """Covers the picture where the distance, in pixels or widths of an edge, is negative."""
    cover = np.clip(0.5 - distance, 0, 1)[:, None]
    picture += cover * (colour - picture)


class _Draws:
    """Random numbers that are hashes of (seed, id, number of the draw): no state, no order."""

    def __init__(self, seed: int, ids: np.ndarray):
        start = _mix(np.full(1, seed % 2**64, np.uint64))
        self.key = _mix(ids.astype(np.uint64)[:, None] ^ start)
        self.count = 0

    def _bits(self, count: int) -> np.ndarray:
        numbers = np.arange(self.count, self.count + count, dtype=np.uint64)
        self.count += count
        return _mix(self.key + numbers * np.uint64(0x9E3779B97F4A7C15))

    def uniform(self, low: float, high: float) -> np.ndarray:
        """`(n, 1)` float32 between the limits, one number an image."""
        unit = (self._bits(1) >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)
        return np.float32(low) + np.float32(high - low) * unit

    def noise(self) -> np.ndarray:
        """`(n, 3, 1024)` float32 between -1 and 1: half each channel's own, half shared by all."""
        parts = self._bits(SIZE * SIZE).view(np.uint16).reshape(len(self.key), -1, 4)
        parts = parts.transpose(0, 2, 1).astype(np.float32)
        return (parts[:, :3] + parts[:, 3:]) * np.float32(2**-16) - np.float32(1)


def _mix(bits: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit depends on every bit."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _check_counts(num_coarse: int, num_fine_each: int) -> None:
    if not (2 <= num_coarse <= MAX_COARSE and 2 <= num_fine_each <= MAX_FINE_EACH):
        raise InputError(
            f"shapes cannot have {num_coarse} coarse classes of {num_fine_each}: {_LIMITS}."
        )
