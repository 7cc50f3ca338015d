"""Says what a data set holds and what training would draw of it; exit code 1 where --verify fails.

python launch/describe.py --dataset=folder --data_dir=pets --image_size=224 --verify
"""

import sys

import common
import config_flags
from absl import flags

from coarse2fine.errors import InputError

_SPLIT = flags.DEFINE_enum("split", "train", ["train", "test"], "The split to describe.")
_VERIFY = flags.DEFINE_bool("verify", False, "Decode every image of both splits, name the bad.")
_FAILURES = flags.DEFINE_string(
    "failures", None, "File for the names of all bad images; only the first ten are printed then."
)
_PICTURE = flags.DEFINE_string("picture", None, "File (.png) for a picture of some images.")
_config = config_flags.define_config()


def main() -> None:
    """Reads the flags, describes and draws."""
    config = _config()
    if _FAILURES.value is not None and not _VERIFY.value:
        raise InputError("--failures names the images that --verify finds: give both.")
    from printing import show_share

    from coarse2fine import experiments
    from coarse2fine.training import describe
    from coarse2fine.training.description_text import description_text

    if _PICTURE.value is not None:
        experiments.check_picture_file(_PICTURE.value)
    if _FAILURES.value is not None:
        experiments.check_failures_file(_FAILURES.value)
    description = describe(
        config, _SPLIT.value, _VERIFY.value, lambda split: show_share(f"Decoding {split}", "image")
    )
    print(description_text(description, _FAILURES.value))
    if _FAILURES.value is not None:
        experiments.write_failures(description, _FAILURES.value)
    if _PICTURE.value is not None:
        experiments.draw_description(description, _PICTURE.value)
        print(f"Wrote {_PICTURE.value}")
    if description.num_failures or (_VERIFY.value and description.missing):
        sys.exit(1)


if __name__ == "__main__":
    common.run(main)
