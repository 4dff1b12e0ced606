"""What a verb read: rows, classes and features, as ``read`` in its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from w2s_probe.core.serialize import Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesRead:
    """Features of one backbone, or predictions of a ``labels:`` teacher.

    Parameters
    ----------
    backbone : str
        Name of the backbone, without folders.
    columns : tuple of str, or None
        Columns of a Parquet file, in their order, or the array of another file, ``X`` if it has no other name; None
        for features of the cache.
    dim : int
        Number of features.
    dtype : str
        Type in which the file or the cache holds the features; of predictions what they are: classes, probabilities or
        votes.
    file : str or None
        Name of the file, without folders, or of a series of shards with their folder, as in ``emb/shard_*.npy``; None
        for features of the cache.
    files : int or None
        Number of shards; None where a single file was named, and for features of the cache.
    matched_by : {"row", "id", "item"}
        By what rows of the data find their features.
    abstains : int or None
        Rows without a prediction; None for features.
    ties : int or None
        Rows with a prediction whose largest share several classes have: their predicted class is the first of these;
        None for features.
    classes : tuple of str, or None
        Class of each column of probabilities, in the order of `columns`; None for classes, votes and features.
    guessed : bool or None
        Whether no name of a column tells `classes`, so that their order is assumed; None without `classes`.
    numbered : bool or None
        True if the places of columns, or whole numbers as predictions, mean the classes that have these numbers in the
        metadata of DATA; else None.
    truth : bool or None
        True if the predictions 0 and 1 mean the classes false and true, or true and false the classes 0 and 1; else
        None.
    unused : int or None
        Rows of a file with ids that no row of DATA or of the second table has; None without such rows.
    """

    backbone: str
    columns: tuple[str, ...] | None
    dim: int
    dtype: str
    file: str | None
    matched_by: Literal["row", "id", "item"]
    files: Annotated[int | None, Mark.UNLESS_NONE] = None
    abstains: Annotated[int | None, Mark.UNLESS_NONE] = None
    ties: Annotated[int | None, Mark.UNLESS_NONE] = None
    classes: Annotated[tuple[str, ...] | None, Mark.UNLESS_NONE] = None
    guessed: Annotated[bool | None, Mark.UNLESS_NONE] = None
    numbered: Annotated[bool | None, Mark.UNLESS_NONE] = None
    truth: Annotated[bool | None, Mark.UNLESS_NONE] = None
    unused: Annotated[int | None, Mark.UNLESS_NONE] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRead:
    """Rows of a second table of pool rows.

    Parameters
    ----------
    rows : int
        Rows of the table, also those that are left out.
    left_out : mapping of reason to int
        Rows that are left out.
    """

    rows: int
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesRead:
    """Files of DATA.

    Parameters
    ----------
    kind : str
        Their format.
    number : int
        How many there are.
    unpacked : int
        Bytes that compressed files hold; 0 without compression.
    parts : mapping of part to int
        Rows of each part that names of files tell; empty without parts.
    class_names : tuple of str
        Columns whose numbers were replaced by names of classes from the metadata.
    images : str
        Column that holds images; empty without one.
    """

    kind: str
    number: int
    unpacked: int = 0
    parts: Mapping[str, int] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    images: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Rows, classes and features that were read.

    Parameters
    ----------
    rows : int
        Rows of DATA, also those that are left out; of ``theory spurious`` rows of the matrices.
    left_out : mapping of reason to int
        Rows of DATA that are left out before parts are drawn.
    class_counts : mapping of class to int
        Rows of DATA with each label, among the rows that are not left out and whose labels are read; empty for
        regression, and without labels.
    features : mapping of role to FeaturesRead
        Features of ``teacher`` and ``student``. Where a side has several backbones: ``teacher 1``, ``teacher 2``, … in
        the order of the flag.
    pool : PoolRead or None
        Rows of the second table; None without ``--pool``.
    files : FilesRead or None
        Files of DATA; None for one file of a plain format, folders of images, built-in data and schema 2 before it.
    """

    rows: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    class_counts: Mapping[str, int] = field(default_factory=dict)
    features: Mapping[str, FeaturesRead] = field(default_factory=dict)
    pool: Annotated[PoolRead | None, Mark.UNLESS_NONE] = None
    files: Annotated[FilesRead | None, Mark.UNLESS_NONE] = None
