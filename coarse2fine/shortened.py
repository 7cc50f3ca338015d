"""Names where there is little room."""


def shortened(name: str, most: int) -> str:
    """A name of at most so many letters.

    Example:
        >>> shortened("dromedary", 5)
        'drom…'
    """
    return name if len(name) <= most else f"{name[: most - 1]}…"
