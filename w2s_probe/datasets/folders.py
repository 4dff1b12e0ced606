"""A folder of images as a table, with a subfolder for each class."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, listed
from w2s_probe.core.images import SUFFIXES, ImageFiles
from w2s_probe.datasets.published import PUBLISHED_NAMES
from w2s_probe.datasets.table import Table, missing_column


def read_folder(folder: Path, config: DataConfig) -> Table:
    """Return the images below ``DIR/CLASS/``, at any depth, with their class as label.

    Ids are paths relative to the folder, sorted as texts. An image directly in the folder has no label, so that it
    belongs to the pool of a forecast. Hidden names (with a leading dot) and files without an image suffix are left
    out. Raises `DataError` if there are no images, if subfolders are parts instead of classes, or if `config` names
    a column: a folder has labels only.

    A published set that has groups or parts needs a table with a column of paths (``--image``):

    - Waterbirds: its ``metadata.csv``, ``--image img_filename --label y --group place --split split``;
    - CelebA: ``list_attr_celeba.csv`` joined with ``list_eval_partition.csv`` on ``image_id``, beside the
      images, ``--image image_id --label Blond_Hair --group Male --split partition``;
    - BFFHQ: label and group are in the file names, ``…_AGE_GENDER.png``, and parts in the folders: write a table
      with the columns path, age, gender and split (train, valid, test), ``--image path --label age --group gender
      --split split``.
    """
    name = folder.resolve().name
    _refuse_columns(config, name)
    files = sorted(_images(folder, name))
    if not files:
        msg = f"{name} must hold images ({', '.join(SUFFIXES)}) in one folder for each class: got none. Check the path."
        raise DataError(msg)
    labels = [file.partition("/")[0] if "/" in file else None for file in files]
    _refuse_parts({label for label in labels if label}, name)
    return Table(
        name=name,
        ids=np.array(files, dtype=np.str_),
        has_ids=True,
        modality="image",
        items=ImageFiles(folder, tuple(files)),
        columns=("label",),
        label=labels,
    )


def _images(folder: Path, name: str) -> list[str]:
    """Return the paths of all images, relative to the folder, with slashes."""

    def refuse(error: OSError) -> None:
        msg = f"all folders of {name} must be readable: got {error.strerror or error}. Check their permissions."
        raise DataError(msg) from error

    _, classes, loose = next(os.walk(folder, onerror=refuse))
    images = [file for file in loose if _is_image(file)]
    for label in (name for name in classes if not name.startswith(".")):
        for place, inner, files in os.walk(folder / label, onerror=refuse):  # follows a link here, but no deeper link
            inner[:] = [sub for sub in inner if not sub.startswith(".")]
            images += [(Path(place) / file).relative_to(folder).as_posix() for file in files if _is_image(file)]
    return images


def _is_image(file: str) -> bool:
    return not file.startswith(".") and file.lower().endswith(SUFFIXES)


def _refuse_columns(config: DataConfig, name: str) -> None:
    flags = {"text": "--text", "image": "--image", "group": "--group", "id": "--id", "split": "--split"}
    for field, flag in {**flags, "group_split": "--group-split"}.items():
        if getattr(config, field):
            raise missing_column(getattr(config, field), ("label",), flag=flag, name=name)
    if config.label != "label":
        raise missing_column(config.label, ("label",), flag="--label", name=name)


def _refuse_parts(classes: set[str], name: str) -> None:
    if len(classes) > 1 and all(label.lower() in PUBLISHED_NAMES for label in classes):
        msg = (
            f"the folders of {name} must be classes: got {listed(sorted(classes))}, which look like parts. Give one of "
            "these folders, or a table with columns of paths (--image), labels (--label) and parts (--split)."
        )
        raise DataError(msg)
