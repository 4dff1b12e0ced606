"""Small real images for tests, cut from the two photographs that come with scikit-learn."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

PHOTOGRAPHS = {"palace": "china.jpg", "daisy": "flower.jpg"}


@cache
def photograph(name: str) -> Image:
    """Return a whole photograph, 427 x 640 pixels."""
    from PIL import Image
    from sklearn.datasets import load_sample_image

    return Image.fromarray(load_sample_image(PHOTOGRAPHS[name]))


def crops(name: str, count: int, *, side: int = 96) -> list[Image]:
    """Return squares of a photograph, at places that are the same each time."""
    rng = np.random.default_rng(len(name))
    corners = [(int(rng.integers(640 - side)), int(rng.integers(427 - side))) for _ in range(count)]
    return [photograph(name).crop((x, y, x + side, y + side)) for x, y in corners]


def image_folder(root: Path, count: int = 12, *, side: int = 96) -> Path:
    """Write ``root/palace`` and ``root/daisy`` with as many crops each, PNG and JPEG in turn."""
    for name in PHOTOGRAPHS:
        (root / name).mkdir(parents=True)
        for i, crop in enumerate(crops(name, count, side=side)):
            crop.save(root / name / f"{i:03d}.{'jpg' if i % 2 else 'png'}")
    return root
