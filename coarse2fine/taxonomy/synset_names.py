"""Names of classes that are synsets."""

import collections
from collections.abc import Sequence


def distinct_names(synsets: Sequence[str], names: Sequence[str]) -> list[str]:
    """Each synset's name; where several have one name, with the synset behind it.

    Example:
        >>> distinct_names(["n02012849", "n03126707", "n02084071"], ["crane", "crane", "dog"])
        ['crane (n02012849)', 'crane (n03126707)', 'dog']
    """
    counts = collections.Counter(names)
    return [
        name if counts[name] == 1 else f"{name} ({synset})"
        for synset, name in zip(synsets, names, strict=True)
    ]


def short_names(synsets: Sequence[str], words: Sequence[str]) -> list[str]:
    """The first of each synset's words, or as many more of them as tell it from the others.

    Args:
        synsets: their wnids, which follow where all words are the same.
        words: for each synset its words, with commas between them.

    Example:
        >>> short_names(["n1", "n2", "n3"], ["crane", "crane, bird", "dog, domestic dog"])
        ['crane', 'crane, bird', 'dog']
    """
    split = [[word.strip() for word in text.split(",")] for text in words]
    used = [1] * len(split)
    while True:
        names = [", ".join(all_words[:n]) for all_words, n in zip(split, used, strict=True)]
        counts = collections.Counter(names)
        longer = [k for k, n in enumerate(used) if counts[names[k]] > 1 and n < len(split[k])]
        if not longer:
            return distinct_names(synsets, names)
        for k in longer:
            used[k] += 1
