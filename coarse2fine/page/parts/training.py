"""What was trained on what, and what that took."""

from coarse2fine.page.html import NOTHING, Html, element, facts, section
from coarse2fine.page.page_run import PageRun

LABELS = {
    "mixed": "fine labels of some images, coarse labels of all",
    "fine": "fine labels alone (baseline)",
    "oracle": "fine labels of all images (oracle)",
    "coarse": "coarse labels alone",
}
"""What a run may learn from, each in words."""


def what_was_trained(run: PageRun) -> Html:
    """Network, labels and images."""
    config, counts = run.config, run.data["images"]
    values = {
        "data set": config.dataset,
        "classes": f"{run.taxonomy.num_fine} fine in {run.taxonomy.num_coarse} coarse",
        "learns from": LABELS[config.labels],
        "images with a fine label": f"{counts['fine_labelled']:,}",
        "images with a coarse label alone": f"{counts['coarse_only']:,}",
        "validation images": f"{counts['validation']:,}",
        "network": f"{config.backbone}, width {config.width:g}, {config.precision}",
        "coarse supervision": config.coarse_supervision if config.labels == "mixed" else None,
        "image size": " x ".join(map(str, run.data["image_shape"])),
    }
    return section("What was trained on what", facts(values))


def cost(run: PageRun) -> Html:
    """What it took."""
    if not run.cost["steps"]:
        return NOTHING
    images, seconds = run.cost["images_seen"], run.cost["seconds"]
    values = {
        "updates": f"{run.step:,} of {run.config.steps:,}",
        "updates of the search before it": (
            f"{run.cost['steps'] - run.step:,}" if run.config.refit else None
        ),
        "images seen": f"{images:,}",
        "time": f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.0f} seconds",
        "images a second": f"{images / seconds:,.0f}" if seconds else None,
    }
    note = element("p", "Images and time include the search.", class_="faint")
    return section("Cost", facts(values), note if run.config.refit else None)
