"""How large a taxonomy is, in words."""

from coarse2fine.taxonomy.taxonomy import Taxonomy


def size_text(taxonomy: Taxonomy) -> str:
    """The number of classes of each level, and the largest and the smallest coarse class.

    Of equally large ones the first is named.

    Example:
        >>> print(size_text(Taxonomy(("siamese", "persian", "pug"), ("cat", "dog"), (0, 0, 1))))
        Coarse classes: 2. Fine classes: 3.
        Fine classes of the largest coarse class, cat: 2. Of the smallest, dog: 1.
    """
    sizes = dict(zip(taxonomy.coarse_names, map(len, taxonomy.children), strict=True))
    largest, smallest = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
    return (
        f"Coarse classes: {taxonomy.num_coarse}. Fine classes: {taxonomy.num_fine}.\n"
        f"Fine classes of the largest coarse class, {largest}: {sizes[largest]}. "
        f"Of the smallest, {smallest}: {sizes[smallest]}."
    )
