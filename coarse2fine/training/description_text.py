"""A description as a short report."""

import math
from collections.abc import Sequence

import numpy as np

from coarse2fine.data import EncodedSource
from coarse2fine.data.survey import Failure, Survey
from coarse2fine.data.views import CenterCrop
from coarse2fine.errors import listed, shown
from coarse2fine.training.description import Description
from coarse2fine.training.plan import Plan

MOST_FINE_ROWS = 100
_MOST_NAMED = 10
_MOST_BAD_HEADERS = 3


def description_text(description: Description, failures_file: str | None = None) -> str:
    """The report in Markdown.

    All coarse classes have a row. Fine classes have one up to 100 of them; of more, the smallest
    and the middle and greatest sizes are told. Images that cannot be decoded are all named, or the
    first ten where a file names them all.

    Args:
        description: as `describe` gives it.
        failures_file: that names the images that cannot be decoded, if there is one.
    """
    parts = [
        _overview(description),
        _classes(description),
        _images(description),
        _training(description),
        _decoding(description, failures_file),
    ]
    return "\n".join("\n".join([*lines, ""]) for lines in parts if lines)


def _overview(description: Description) -> list[str]:
    config, source, labels = description.config, description.source, description.labels
    where = "" if config.data_dir is None else f" in {shown(config.data_dir)}"
    sizes = ", ".join(f"{name} {size:,}" for name, size in description.sizes.items())
    lines = [
        f"# {config.dataset}{where}, split {description.split}: {_count(len(source), 'image')}",
        "",
        f"Images with a fine label: {labels.fine.sum():,}. "
        f"Coarse-only: {labels.coarse_only.sum():,}. Splits: {sizes}.",
    ]
    lines += [f"No split {name}: {reason}" for name, reason in description.missing.items()]
    if source.dropped:
        largest = sorted(source.dropped.items(), key=lambda item: -item[1])
        lines.append(
            "Left out, classes that the taxonomy does not name: "
            f"{len(largest):,}, with {_count(sum(source.dropped.values()), 'image')}: "
            f"{listed(f'{shown(name)} ({count:,})' for name, count in largest)}."
        )
    return lines


def _classes(description: Description) -> list[str]:
    labels, taxonomy = description.labels, description.source.taxonomy
    has_fine_rows = taxonomy.num_fine <= MOST_FINE_ROWS
    rows = []
    for coarse, children in enumerate(taxonomy.children):
        counts = labels.coarse[coarse], labels.fine[list(children)].sum()
        name = shown(taxonomy.coarse_names[coarse])
        numbers = (len(children), *counts, labels.coarse_only[coarse])
        rows.append([name, *(f"{number:,}" for number in numbers)])
        for fine in children if has_fine_rows else ():
            count = f"{labels.fine[fine]:,}"
            rows.append([f"- {shown(taxonomy.fine_names[fine])}", "", count, count, ""])
    header = ["class", "fine classes", "images", "fine-labelled", "coarse-only"]
    lines = ["## Classes", "", *_table(header, rows)]
    names = [shown(name) for name in taxonomy.fine_names]
    if not has_fine_rows:
        order = np.argsort(labels.fine, kind="stable")[:_MOST_NAMED]
        smallest = ", ".join(f"{names[f]} ({labels.fine[f]:,})" for f in order)
        lines += ["", f"Fine-labelled images of a fine class: {_range(labels.fine)}."]
        lines.append(f"The smallest fine classes: {smallest}.")
    without = np.flatnonzero(labels.fine == 0)
    if len(without):
        lines += [
            "",
            f"Fine classes without a fine-labelled image: {len(without):,} of "
            f"{taxonomy.num_fine:,}: {listed(names[f] for f in without)}.",
        ]
    return lines


def _images(description: Description) -> list[str]:
    found, source = description.headers, description.source
    if found is None or not isinstance(source, EncodedSource):
        height, width, channels = source.image_shape
        return ["## Image sizes", "", f"All images: {height} x {width}, {channels} channels."]
    every = found.num_images == len(source)
    drawn = "all images" if every else f"{found.num_images:,} images drawn by the seed"
    lines = ["## Image sizes", "", f"By the headers of {drawn}."]
    if found.kinds:
        lines += [
            "Kinds: " + ", ".join(f"{k} {n:,}" for k, n in sorted(found.kinds.items())) + ".",
            f"Width: {_range(found.widths)}. Height: {_range(found.heights)}.",
            _enlarged(found, source.view),
        ]
    unreadable = found.num_images - len(found.heights)
    lines.append(f"Without a readable header: {unreadable:,}.")
    if not description.decoded:  # Else they are listed with the rest.
        lines += [f"- {bad.image}: {bad.reason}" for bad in found.failures[:_MOST_BAD_HEADERS]]
        if unreadable > _MOST_BAD_HEADERS:
            lines.append(f"- and {unreadable - _MOST_BAD_HEADERS:,} more")
    return lines


def _enlarged(found: Survey, view: CenterCrop) -> str:
    shorter = np.minimum(found.heights, found.widths)
    below = [(shorter < side).sum() for side in (view.shorter_side, view.size)]
    share = 100 * below[0] / len(shorter)
    return (
        f"Enlarged, with a shorter side below {view.shorter_side}: {below[0]:,} ({share:.1f} %), "
        f"of which smaller than the crop of {view.size}: {below[1]:,}."
    )


def _training(description: Description) -> list[str]:
    title = "## What training would draw"
    if description.plan is not None:
        return [title, "", *_plan_lines(description, description.plan)]
    if description.obstacle:
        return [title, "", f"Nothing can be drawn: {description.obstacle}"]
    return []


def _plan_lines(description: Description, plan: Plan) -> list[str]:
    config, schedule, num_images = plan.config, plan.schedule, len(description.source)
    budget = description.config.budget
    validation = len(plan.partition.validation)
    unused = num_images - len(plan.training_images) - validation
    rows = [
        ["trained on with fine label", f"{len(plan.fine_labelled):,}"],
        ["trained on as coarse-only", f"{len(plan.coarse_only):,}"],
        ["validation", f"{validation:,}"],
        ["unused", f"{unused:,}"],
    ]
    lines = [*_table([f"labels={config.labels}, seed={config.seed}", "images"], rows), ""]
    if description.config.batch_size == "auto":
        lines.append("Batch size: auto, found when training begins.")
    else:
        lines.append(f"A batch of {config.batch_size}: {_fine_labelled(plan)} with fine label.")
    if budget is not None:
        lines.append(f"Updates: as many as {budget} is enough for, found when training begins.")
    elif description.config.batch_size != "auto":
        lines.append(
            f"Updates: {plan.steps:,}, {plan.steps / schedule.steps_per_epoch:,.4g} epochs of "
            f"{schedule.steps_per_epoch:,}."
        )
    if config.fine_label_noise:
        lines.append(f"Fine labels trained on that noise changes: {plan.fine_labels_changed:,}.")
    if config.refit:
        lines.append("As many updates follow, with the validation images trained on (refit).")
    return lines


def _decoding(description: Description, failures_file: str | None) -> list[str]:
    if not description.decoded:
        return []
    lines = ["## Decoding", ""]
    failures: list[Failure] = []
    for split, found in description.decoded.items():
        if found is None:
            lines.append(f"Split {split} lies decoded in memory: there is nothing to decode.")
            continue
        failures += found.failures
        bad = len(found.failures)
        result = f"{bad:,} cannot be decoded" if bad else "all can be decoded"
        lines.append(f"Split {split}: of {_count(found.num_images, 'image')} {result}.")
    if failures:
        named = failures if failures_file is None else failures[:_MOST_NAMED]
        lines += ["", *(f"- {bad.image}: {bad.reason}" for bad in named)]
        if len(named) < len(failures):
            lines.append(f"- and {len(failures) - len(named):,} more")
    if failures_file is not None:
        lines += ["", f"All are listed in {failures_file}."]
    return lines


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown, its columns aligned: names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *numbers = cells
        aligned = [f"{n:>{width}}" for n, width in zip(numbers, widths[1:], strict=True)]
        return f"| {' | '.join([first.ljust(widths[0]), *aligned])} |"

    dashes = [f"{'-' * (width + 1)}:" for width in widths[1:]]
    return [line(header), f"|{'|'.join(['-' * (widths[0] + 2), *dashes])}|", *map(line, rows)]


def _range(values: np.ndarray) -> str:
    return f"{values.min():,} to {values.max():,}, median {np.median(values):,.6g}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _fine_labelled(plan: Plan) -> str:
    """How many of a batch: `25 or 26`, or `102 at first, 38 at last`."""
    schedule = plan.schedule
    share = 1 - schedule.num_fine_labelled / schedule.num_images
    first = share if schedule.coarse_share is None else schedule.coarse_share
    last = first if schedule.final_coarse_share is None else schedule.final_coarse_share
    several = []
    for share in (first, last):
        number = schedule.batch_size * (1 - share)
        fewest, most = math.floor(number + 1e-6), math.ceil(number - 1e-6)
        several.append(f"{fewest}" if fewest == most else f"{fewest} or {most}")
    return several[0] if first == last else f"{several[0]} at first, {several[1]} at last"
