"""A folder of images as a table, with a subfolder for each class."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, listed
from w2s_probe.core.images import SUFFIXES, ImageFiles
from w2s_probe.datasets.formats import SUFFIXES as TABLES
from w2s_probe.datasets.published import PUBLISHED_NAMES
from w2s_probe.datasets.table import Table, missing_column

IMAGES = ", ".join(SUFFIXES)
SHOWN = 8  # suffixes that a message names
PARTS = {*PUBLISHED_NAMES, "trainval", "eval", "evaluation", "holdout", "heldout"} | {
    "extra",
    "labeled",
    "labelled",
    "unlabeled",
    "unlabelled",
}
FILLERS = {"image", "images", "img", "imgs", "set", "data", "dataset", "split", "part", "photos", "pictures"}


def read_folder(folder: Path, config: DataConfig) -> Table:
    """Return the images below ``DIR/CLASS/``, at any depth, with their class as label.

    Ids are paths relative to the folder, sorted as texts. An image directly in the folder has no label, so that it
    belongs to the pool of a forecast. Hidden names (with a leading dot) are left out; files without an image suffix
    are left out and counted in a note. Raises `DataError` if there are no images, if a first-level folder holds
    files but no image, if first-level folders are parts instead of classes, or if `config` names a column: a folder
    has labels only.

    A published set that has groups or parts needs a table with a column of paths (``--image``):

    - Waterbirds: its ``metadata.csv``, ``--image img_filename --label y --group place --split split``;
    - CelebA: ``list_attr_celeba.csv`` joined with ``list_eval_partition.csv`` on ``image_id``, beside the
      images, ``--image image_id --label Blond_Hair --group Male --split partition``;
    - BFFHQ: label and group are in the file names, ``…_AGE_GENDER.png``, and parts in the folders: write a table
      with the columns path, age, gender and split (train, valid, test), ``--image path --label age --group gender
      --split split``.
    """
    name = folder.resolve().name
    listing = _listing(folder, name)
    files = sorted(listing.images)
    if not files:
        got = listing.left_out or "none"
        msg = (
            f"{name} must hold images ({IMAGES}) in one folder for each class, or tables ({TABLES}): got {got}. Check "
            "the path."
        )
        raise DataError(msg)
    _refuse_columns(config, name)
    labels = [file.partition("/")[0] if "/" in file else None for file in files]
    classes = {label for label in labels if label}
    _refuse_parts({label: listing.subfolders[label] for label in classes}, name)
    _refuse_unreadable(listing, classes, name)
    return Table(
        name=name,
        ids=np.array(files, dtype=np.str_),
        has_ids=True,
        modality="image",
        items=ImageFiles(folder, tuple(files)),
        columns=("label",),
        label=labels,
        notes=listing.notes(classes),
    )


@dataclass(eq=False)
class _Listing:
    """The files of a folder: images by path, other files by suffix within each first-level folder."""

    images: list[str] = field(default_factory=list)
    others: dict[str, Counter[str]] = field(default_factory=dict)  # "" for files outside first-level folders
    subfolders: dict[str, set[str]] = field(default_factory=dict)  # of each first-level folder
    links: int = 0  # to folders, which are not followed
    aliases: list[str] = field(default_factory=list)  # first-level links to this folder or to another class

    def add(self, folder: str, place: str, files: Iterable[str]) -> None:
        """Add the files that `place`, a path relative to the root, holds directly."""
        visible = [file for file in files if not file.startswith(".")]
        self.images += [f"{place}/{file}" if place else file for file in visible if _is_image(file)]
        suffixes = (Path(file).suffix.lower()[:20] or "without a suffix" for file in visible if not _is_image(file))
        self.others.setdefault(folder, Counter()).update(suffixes)

    @property
    def left_out(self) -> str:
        """The number of files of each suffix that are not read; empty if there are none."""
        return _counts(sum(self.others.values(), Counter()))

    def notes(self, classes: set[str]) -> tuple[str, ...]:
        """Return a sentence on each kind of file or folder that is left out."""
        empty = sorted(set(self.subfolders) - classes)
        same = [inside for label, inside in self.subfolders.items() if label in classes]
        alike = len(same) > 1 and len(same[0]) > 1 and all(inside == same[0] for inside in same)
        notes = {
            f"Files without an image suffix ({IMAGES}) are left out: {self.left_out}.": self.left_out,
            f"Folders without files are no classes: {listed(empty)}.": empty,
            f"Links to this folder or to another class are no classes: {listed(self.aliases)}.": self.aliases,
            f"Links to folders inside a class are not followed: {self.links}.": self.links,
            f"All classes ({listed(sorted(classes))}) hold the same folders ({listed(sorted(same[0] if same else ()))}"
            "), which are not read as classes.": alike,
        }
        return tuple(note for note, condition in notes.items() if condition)


def _listing(folder: Path, name: str) -> _Listing:
    """Return the images below a folder, relative to it with slashes, and all that is left out."""

    def refuse(error: OSError) -> None:
        msg = f"all folders of {name} must be readable: got {error.strerror or error}. Check their permissions."
        raise DataError(msg) from error

    listing = _Listing()
    _, inner, loose = next(os.walk(folder, onerror=refuse))
    listing.add("", "", loose)
    first = [label for label in inner if not label.startswith(".")]
    listing.aliases = sorted(label for label in first if _is_alias(folder, label, first))
    for label in (label for label in first if label not in listing.aliases):
        for place, subfolders, files in os.walk(folder / label, onerror=refuse):  # follows this link, no deeper one
            subfolders[:] = [sub for sub in subfolders if not sub.startswith(".")]
            listing.subfolders.setdefault(label, set(subfolders))
            listing.links += sum((Path(place) / sub).is_symlink() for sub in subfolders)
            listing.add(label, Path(place).relative_to(folder).as_posix(), files)
    return listing


def _is_alias(folder: Path, label: str, first: Iterable[str]) -> bool:
    """Return whether a first-level link leads to the folder, to a folder around it, or to another class of it."""
    if not (folder / label).is_symlink():
        return False
    target, root = (folder / label).resolve(), folder.resolve()
    real = {root / other for other in first if not (folder / other).is_symlink()}
    return root.is_relative_to(target) or target in real


def _is_image(file: str) -> bool:
    return not file.startswith(".") and file.lower().endswith(SUFFIXES)


def _counts(suffixes: Mapping[str, int]) -> str:
    """Return how many files each suffix has, the most frequent first."""
    ordered = sorted(suffixes.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{count:,} {suffix}" for suffix, count in ordered[:SHOWN]]
    return ", ".join(shown) + (", …" if len(ordered) > SHOWN else "")


def _refuse_columns(config: DataConfig, name: str) -> None:
    flags = {
        "text": "--text",
        "image": "--image",
        "prompt": "--prompt",
        "group": "--group",
        "id": "--id",
        "split": "--split",
    }
    for setting, flag in {**flags, "group_split": "--group-split"}.items():
        if getattr(config, setting):
            raise missing_column(getattr(config, setting), ("label",), flag=flag, name=name)
    if config.label != "label":
        raise missing_column(config.label, ("label",), flag="--label", name=name)


def _refuse_unreadable(listing: _Listing, classes: set[str], name: str) -> None:
    """Raise `DataError` if a first-level folder holds files but no image: its class would vanish."""
    unreadable = sorted(label for label, others in listing.others.items() if label and others and label not in classes)
    if unreadable:
        msg = (
            f"each folder of {name} must hold images ({IMAGES}): {unreadable[0]!r:.60} holds none, but "
            f"{_counts(listing.others[unreadable[0]])}"
            f"{f', and {len(unreadable) - 1} more folders hold none' if len(unreadable) > 1 else ''}. "
            "Convert the files to PNG or JPEG, or move the folder elsewhere."
        )
        raise DataError(msg)


def _refuse_parts(subfolders: Mapping[str, set[str]], name: str) -> None:
    """Raise `DataError` if the folders with images are parts, such as train and test, instead of classes.

    They are if all have names of parts, or if most have and these hold mostly the same subfolders.
    """
    parts = [label for label in subfolders if _is_part(label)]
    inside = [subfolders[label] for label in parts]
    shared, every = (set.intersection(*inside), set.union(*inside)) if inside else (set(), set())
    alike = 2 * len(shared) >= len(every) > 0
    if 2 * len(parts) == len(subfolders):  # as many other folders: they must hold the same subfolders too
        alike = alike and all(names >= shared for names in subfolders.values())
    if parts and (len(parts) == len(subfolders) or (2 * len(parts) >= len(subfolders) and alike)):
        msg = (
            f"the folders of {name} must be classes: got {listed(sorted(subfolders))}, which look like parts. Give one "
            "of these folders, or a table with columns of paths (--image), labels (--label) and parts (--split)."
        )
        raise DataError(msg)


def _is_part(folder: str) -> bool:
    """Return whether a folder is named as a part of a data set, such as val2017, test_images or trainA."""
    words = {word.lower() for word in re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+", folder)}
    return bool(words & PARTS) and all(len(word) == 1 or word in PARTS | FILLERS for word in words)
