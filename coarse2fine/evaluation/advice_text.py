"""Advice as a short report."""

from coarse2fine.evaluation.advice import Advice, ClassAdvice, Estimate


def advice_text(advice: Advice) -> str:
    """The report in Markdown; gains in percentage points, intervals of 95 %."""
    return "\n".join(
        [
            f"# What finer labels are likely to bring: {advice.name}",
            "",
            f"From {advice.num_images:,} test images. Average confusion ratio (ACR): "
            f"{_ratio(advice.ratio)}.",
            "",
            _overall(advice),
            *_noise(advice),
            "",
            "## Which coarse classes to label finely first",
            "",
            "By the class's own ratio. Its gain is read off at that ratio from pairs of whole "
            "tasks: the order is better founded than the number.",
            "",
            f"| coarse class | images | ACR | likely gain | {_measured_by(advice)} "
            f"| chance to be among the first {advice.num_first} |",
            "|---|---|---|---|---|---|",
            *(_class_row(row) for row in advice.classes),
            *_unknown(advice),
            "",
            "## What this rests on",
            "",
            _basis(advice),
            *_measured(advice),
            *_left_out(advice),
            "",
        ]
    )


def _overall(advice: Advice) -> str:
    if advice.gain is None:
        ratios = [evidence.ratio for evidence in advice.evidence]
        return (
            "Likely gain over training on coarse labels: cannot tell. The pairs of runs that are "
            f"known have ratios from {min(ratios):.3f} to {max(ratios):.3f}."
        )
    text = f"Likely gain over training on coarse labels: {_gain(advice.gain)}."
    if advice.gain.low <= 0 <= advice.gain.high:
        text += " It may be nothing: the interval holds 0."
    return text


def _noise(advice: Advice) -> list[str]:
    if not advice.noise:
        return []
    return [
        "",
        f"The run learned from fine labels of which {advice.noise:g} were drawn anew: noise lowers "
        "the ratio and the gain (Chen 2018, Table VII), so both may be higher with clean labels.",
    ]


def _measured_by(advice: Advice) -> str:
    return "measured gain" if advice.own is None else f"measured gain ({advice.own})"


def _class_row(row: ClassAdvice) -> str:
    cells = [
        row.name,
        f"{row.num_images:,}",
        _ratio(row.ratio) if row.ratio else "cannot tell",
        _gain(row.gain) if row.gain else "cannot tell",
        "" if row.measured is None else f"{100 * row.measured:+.2f}",
        f"{row.chance_first:.0%}",
    ]
    return f"| {' | '.join(cells)} |"


def _unknown(advice: Advice) -> list[str]:
    """Why a class has no number."""
    reasons: dict[str, list[str]] = {}
    for row in advice.classes:
        if row.reason:
            reasons.setdefault(row.reason, []).append(row.name)
    return [
        line
        for reason, names in reasons.items()
        for line in ("", f"Cannot tell for {', '.join(names)}: {reason}.")
    ]


def _basis(advice: Advice) -> str:
    published = sum(evidence.published for evidence in advice.evidence)
    return (
        f"The line of gain against log ACR through {published} published pairs of runs (Chen 2018) "
        f"and {len(advice.evidence) - published} measured ones. A pair that is left out of it is "
        f"missed by {100 * advice.error:.2f} points (root mean square). Published gains are of the "
        "best epoch on the test set, after full training; a shorter run or another network can "
        "gain more or less. No pair shows what fine labels of some coarse classes alone bring. "
        "Intervals of 95 % are from resampled test images and, for likely gains, those misses; "
        "resampled ratios beyond the known pairs count as the nearest known one."
    )


def _measured(advice: Advice) -> list[str]:
    if not advice.measured:
        return ["", "No pair of runs, one on fine and one on coarse labels, was found to check by."]
    rows = [
        f"| {pair.name} | {'cannot tell' if pair.ratio is None else f'{pair.ratio:.3f}'} "
        f"| {_gain(pair.expected) if pair.expected else 'cannot tell'} | {_gain(pair.gain)} |"
        for pair in advice.measured
    ]
    return [
        "",
        "Pairs of runs that were found, with the gain that runs other than theirs let expect. The "
        "intervals of measured gains are of these networks: other seeds would give others.",
        "",
        "| runs | ACR | expected gain | measured gain |",
        "|---|---|---|---|",
        *rows,
    ]


def _left_out(advice: Advice) -> list[str]:
    if not advice.left_out:
        return []
    return ["", "Runs that were left out:", "", *(f"- {reason}" for reason in advice.left_out)]


def _ratio(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _gain(estimate: Estimate) -> str:
    value, low, high = (100 * x for x in (estimate.value, estimate.low, estimate.high))
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"
