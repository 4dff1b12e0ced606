"""A folder of images as a table: one subfolder for each class."""

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
    """Return the images below ``DIR/CLASS/``, however deep, with the class for their label.

    Ids are paths relative to the folder, in their order as texts. An image directly in the folder has
    no label, and so belongs to the pool of a forecast. Names that begin with a dot are left out, and so are
    files that do not end as images do.

    A published set with more to say than a class, such as a group or parts, comes as a table with a
    column of paths (``--image``):

    - Waterbirds: its ``metadata.csv``, ``--image img_filename --label y --group place --split split``;
    - CelebA: ``list_attr_celeba.csv`` joined with ``list_eval_partition.csv`` on ``image_id``, beside the
      images, ``--image image_id --label Blond_Hair --group Male --split partition``;
    - BFFHQ: label and group are in its names, ``…_AGE_GENDER.png``, and parts in its folders: a table of
      columns path, age, gender and split (train, valid, test), ``--image path --label age --group gender
      --split split``.

    Parameters
    ----------
    folder : Path
        The folder.
    config : DataConfig
        Its column names must be left at their defaults: a folder has only labels.

    Raises
    ------
    DataError
        If it holds no images, its subfolders are parts instead of classes, or a column is asked for.
    """
    name = folder.resolve().name
    _refuse_columns(config, name)
    found = sorted(_images(folder, name))
    if not found:
        msg = f"{name} must hold images ({', '.join(SUFFIXES)}) in one folder for each class: got none. Check the path."
        raise DataError(msg)
    labels = [file.partition("/")[0] if "/" in file else None for file in found]
    _refuse_parts({label for label in labels if label}, name)
    return Table(
        name=name,
        ids=np.array(found, dtype=np.str_),
        named=True,
        modality="image",
        items=ImageFiles(folder, tuple(found)),
        columns=("label",),
        label=labels,
    )


def _images(folder: Path, name: str) -> list[str]:
    """Return the paths of all images, relative to the folder, with slashes."""

    def refuse(error: OSError) -> None:
        msg = f"all folders of {name} must be readable: {error.strerror or error}. Check their permissions."
        raise DataError(msg) from error

    _, classes, loose = next(os.walk(folder, onerror=refuse))
    found = [file for file in loose if _is_image(file)]
    for one in classes:  # may be a link to a folder elsewhere; deeper links are not followed
        if one.startswith("."):
            continue
        for place, inner, files in os.walk(folder / one, onerror=refuse):
            inner[:] = [sub for sub in inner if not sub.startswith(".")]
            found += [(Path(place) / file).relative_to(folder).as_posix() for file in files if _is_image(file)]
    return found


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
    if len(classes) > 1 and all(one.lower() in PUBLISHED_NAMES for one in classes):
        msg = (
            f"the folders of {name} must be classes: got {listed(sorted(classes))}, which look like parts. Name one "
            "of them, or write a table with columns of paths, labels and parts for --image, --label and --split."
        )
        raise DataError(msg)
