"""Installs the package `coarse2fine`; the launchers are run from a checkout."""

import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "coarse2fine/__init__.py").read_text())[1]
FIGURES = ["matplotlib>=3.8", "openTSNE>=1.0"]

setuptools.setup(
    name="coarse2fine",
    version=VERSION,
    description="Fine classifiers from images of which only some carry a fine label.",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    packages=setuptools.find_packages(include=["coarse2fine", "coarse2fine.*"]),
    install_requires=[
        "absl-py>=2.1",
        "importlib_resources>=6.0",  # TFDS imports it and does not ask for it.
        "keras>=3.14",  # Before, weights of a file could lie in any other file.
        "numpy>=1.26",
        "tensorboard>=2.18",
        "tensorflow>=2.18",
        "tensorflow-datasets>=4.9.7",
    ],
    extras_require={
        "figures": FIGURES,
        "imagenet": ["scipy>=1.11.1"],
        "test": [
            *FIGURES,
            "jax>=0.4.30",
            "mypy>=1.11",
            "pytest>=8.0",
            "pytest-xdist>=3.5",
            "ruff>=0.6",
        ],
    },
)
