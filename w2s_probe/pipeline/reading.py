"""What a verb reads, before anything is embedded or fitted: `read` of its JSON, and what its line on stderr adds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Part, Split
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.datasets import Table
from w2s_probe.pipeline.feature_content import FeatureFile
from w2s_probe.results.read import FeaturesRead, FilesRead, PoolRead, Read

Roles = Mapping[str, Sequence[str]]  # backbone names of each side, as the user typed them
SETTINGS: dict[Part, str] = {"labeled": "n_labeled", "unlabeled": "n_unlabeled", "test": "n_test"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The rows of one part.

    Parameters
    ----------
    part : {"labeled", "unlabeled", "test"}
        The part.
    rows : tuple of int
        Its sizes; several in a sweep.
    default : bool
        Whether no size was asked for.
    """

    part: Part
    rows: tuple[int, ...]
    default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsReading:
    """What was read of preference pairs.

    Parameters
    ----------
    pairs : int
        Pairs that can be used, of all seeds.
    items : int
        Their sides; where pairs are drawn, all items with a score.
    modality : str or None
        Whether items are texts or images; None where only their features are there.
    scores : str
        Column of the scores from which pairs are drawn; empty for a table of pairs.
    min_gap : float
        Smallest difference of two scores.
    prompt : str
        Column of the prompts; empty without prompts.
    answers : tuple of str
        Columns of the preferred and of the other answers, or of two responses.
    preference : str
        Column that tells which of two responses is preferred; empty where the columns of the answers tell.
    """

    pairs: int
    items: int
    modality: str | None = None
    scores: str = ""
    min_gap: float = 0.0
    prompt: str = ""
    answers: tuple[str, ...] = ()
    preference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read: the part that JSON has, and what only the line on stderr says.

    Parameters
    ----------
    name : str
        Name of the data, or of the files where there are no data.
    read : Read
        As in JSON, but `dim` is 0 for features that are not computed yet.
    data : DataConfig or None
        Columns of the data; None where there are no data.
    table : Table or None
        The data.
    guessed : tuple of str
        Roles whose columns of features, or parts of whose names, were chosen without being named.
    labels : bool
        Whether the verb reads labels.
    unlabeled : int
        Rows of the data without a label.
    numbers : (float, float) or None
        Smallest and largest label of a regression.
    cue : mapping of label to value
        Usual group value of each label; empty without groups.
    default_cue : bool
        Whether some of these values were chosen by `usual_values`.
    pool : str
        Name of the second table; empty without one.
    sizes : tuple of Size
        Rows of each part.
    pairs : PairsReading or None
        What was read of preference pairs; None for other rows.
    """

    name: str
    read: Read
    data: DataConfig | None = None
    table: Table | None = None
    guessed: tuple[str, ...] = ()
    labels: bool = False
    unlabeled: int = 0
    numbers: tuple[float, float] | None = None
    cue: Mapping[str, str] = field(default_factory=dict)
    default_cue: bool = False
    pool: str = ""
    sizes: tuple[Size, ...] = ()
    pairs: PairsReading | None = None


OnRead = Callable[[Reading], None]


def reading_of(
    data: DataConfig,
    table: Table,
    features: Mapping[str, FeaturesRead],
    *,
    guessed: Iterable[str] = (),
    labels: Labels | None = None,
    unlabeled: int = 0,
) -> Reading:
    """Return what was read of a table and of features, by role.

    `labels` are the labels that are read, of any number of rows; `unlabeled` is the number of rows without one.
    """
    counts = labels.class_counts() if labels is not None else {}
    numbers = None
    if labels is not None and labels.classes is None:
        numbers = (float(labels.values.min()), float(labels.values.max()))
    return Reading(
        name=table.name,
        read=Read(
            rows=table.total or len(table),
            left_out=table.left_out,
            class_counts=counts,
            features=features,
            files=files_of(table),
        ),
        data=data,
        table=table,
        guessed=tuple(guessed),
        labels=labels is not None,
        unlabeled=unlabeled,
        numbers=numbers,
    )


def files_of(table: Table) -> FilesRead | None:
    """Return what was read of the files of a table; None for one file of a plain format and other data."""
    origin = table.origin
    if origin is None:
        return None
    return FilesRead(
        kind=origin.kind,
        number=origin.files,
        unpacked=origin.unpacked,
        parts=origin.parts,
        class_names=origin.named,
        images=origin.image,
    )


def reading_of_files(files: Mapping[str, FeatureFile]) -> Reading:
    """Return what was read of files of features without data, by role; all files have as many rows."""
    features = {role: file.read(file.name) for role, file in files.items()}
    return Reading(
        name=" and ".join(dict.fromkeys(str(entry.file) for entry in features.values())),
        read=Read(rows=max(len(file.X) for file in files.values()), features=features),
        guessed=tuple(role for role, file in files.items() if file.guessed),
    )


def role_keys(roles: Roles) -> Iterator[tuple[str, str]]:
    """Yield the key of each backbone in `read.features`, and its name as the user typed it."""
    for role, names in roles.items():
        for number, name in enumerate(names, start=1):
            yield (role if len(names) == 1 else f"{role} {number}"), name


def with_pool(reading: Reading, second: Table, left_out: Mapping[str, int] | None = None) -> Reading:
    """Return a reading with a second table of pool rows; `left_out` are the rows that only the verb leaves out."""
    pool = PoolRead(rows=second.total or len(second), left_out={**second.left_out, **(left_out or {})})
    features = {key: _with_used(entry, reading.table, second) for key, entry in reading.read.features.items()}
    return replace(reading, pool=second.name, read=replace(reading.read, pool=pool, features=features))


def _with_used(entry: FeaturesRead, first: Table | None, second: Table) -> FeaturesRead:
    """Return what was read of features of which a second table uses rows, too."""
    if entry.unused is None or first is None:
        return entry
    ids, more_ids = (table.ids if table.all_ids is None else table.all_ids for table in (first, second))
    return replace(entry, unused=max(0, entry.unused - len(np.setdiff1d(more_ids, ids))) or None)


def with_groups(reading: Reading, groups: Groups | None, config: W2SConfig | SweepConfig) -> Reading:
    """Return a reading with the usual group values."""
    if groups is None:
        return reading
    return replace(reading, cue=groups.cue, default_cue=bool(set(groups.cue) - set(config.cue)))


def with_splits(
    reading: Reading, splits: Sequence[Split], config: W2SConfig | SweepConfig, given: Collection[Part]
) -> Reading:
    """Return a reading with the sizes of the parts in these splits of one seed; `given` parts are the user's own."""
    sizes = {part: [len(split.parts()[part]) for split in splits] for part in SETTINGS}
    return with_sizes(reading, sizes, config, given)


def with_sizes(
    reading: Reading,
    sizes: Mapping[Part, Sequence[int]],
    config: W2SConfig | SweepConfig,
    given: Collection[Part],
) -> Reading:
    """Return a reading with the sizes of the parts, of which a sweep has several; `given` parts are the user's own."""
    parts = []
    for part, rows in sizes.items():
        asked = getattr(config, SETTINGS[part])
        default = part not in given and (None in asked if isinstance(asked, tuple) else asked is None)
        parts.append(Size(part=part, rows=tuple(dict.fromkeys(rows)), default=default))
    return replace(reading, sizes=tuple(parts))


def default_sizes(reading: Reading) -> dict[str, int | list[int]]:
    """Return the sizes that a sweep chose, as its config has them; a size that depends on another one is left out."""
    single = {size.part: size.rows[0] for size in reading.sizes if size.default and len(size.rows) == 1}
    return {SETTINGS[part]: rows if part == "test" else [rows] for part, rows in single.items()}


def with_dims(read: Read, roles: Roles, features: Mapping[str, FeatureSet]) -> Read:
    """Return what was read with the dimension of every backbone, now that its features are there."""

    def with_dim(entry: FeaturesRead, name: str) -> FeaturesRead:
        return replace(entry, dim=features[name].X.shape[1])

    return replace(
        read,
        features={key: with_dim(read.features[key], name) for key, name in role_keys(roles) if key in read.features},
    )
