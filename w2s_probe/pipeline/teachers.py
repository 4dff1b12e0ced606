"""Teachers that are predictions: ``labels:COLUMN``, ``labels:COLUMN,COLUMN,…`` and ``labels:FILE[#COLUMN,…]``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.columns import Column
from w2s_probe.core.config import DataConfig, Task
from w2s_probe.core.errors import BackboneError, ConfigError, DataError, did_you_mean, listed
from w2s_probe.core.features import NAME_IDS, EmbeddingSpec, FeatureSet, missing_id_advice
from w2s_probe.core.files import is_regular_file
from w2s_probe.core.labels import Labels, is_missing
from w2s_probe.core.predictions import Predictions
from w2s_probe.core.types import Rows
from w2s_probe.datasets import Table, missing_column
from w2s_probe.pipeline.prediction_columns import Shares, shares_of
from w2s_probe.pipeline.prediction_files import SUFFIXES, PredictionFile, parse_file, read_predictions
from w2s_probe.pipeline.prediction_truth import compared, true_columns, truth_among, truth_note
from w2s_probe.results.read import FeaturesRead

KIND = "labels:"
ALL = "all"  # of --teacher-saw


def is_given(name: str) -> bool:
    """Return whether a teacher is predictions."""
    return name.startswith(KIND)


def columns_named(name: str) -> tuple[str, ...]:
    """Return the columns of DATA that ``labels:…`` names; none if it names a file.

    Examples
    --------
    >>> columns_named("labels:ann, bob"), columns_named("labels:old.csv")
    (('ann', 'bob'), ())
    """
    rest = name.removeprefix(KIND)
    if parse_file(rest) is not None:
        return ()
    columns = tuple(part.strip() for part in rest.split(","))
    if not all(columns) or len(set(columns)) < len(columns):
        msg = (
            f"labels: must be followed by a file, or by distinct columns with commas between: got {name!r:.60}. Write "
            "it as labels:COLUMN or labels:COLUMN,COLUMN."
        )
        raise BackboneError(msg)
    return columns


def with_teachers(  # the settings of a verb that such teachers restrict
    data: DataConfig,
    names: Iterable[str],
    *,
    task: Task,
    teacher_alpha: object = None,
    suspects: bool = False,
    all_seen: bool = False,
) -> DataConfig:
    """Return where the data is, with the columns of the teachers among `names`; raise `ConfigError` for other settings.

    `all_seen` says that the verb needs no row that the teacher did not see.
    """
    given = [name for name in names if is_given(name)]
    if not given:
        if data.teacher_saw is not None:
            msg = (
                "--teacher-saw needs --teacher labels:…: other teachers are trained here, on the labeled rows. Remove "
                "--teacher-saw."
            )
            raise ConfigError(msg)
        return data
    if task != "classification":
        msg = f"{given[0]} needs --task classification: got {task}. Use a teacher with features."
        raise ConfigError(msg)
    if teacher_alpha not in (None, (None,)):
        msg = f"{given[0]} has no strength, since it is not trained here: got --teacher-alpha. Remove --teacher-alpha."
        raise ConfigError(msg)
    if suspects:
        msg = f"--suspects needs a teacher with features: got {given[0]}. Remove --suspects."
        raise ConfigError(msg)
    if data.teacher_saw == ALL and not all_seen:
        msg = (
            "--teacher-saw all leaves no row on which the teacher can be scored. Name the column of the rows that it "
            "was trained on, or use forecast, which then compares student and baseline only."
        )
        raise ConfigError(msg)
    columns = tuple(dict.fromkeys(column for name in given for column in columns_named(name)))
    if data.label in columns:
        msg = (
            f"labels: must name predictions: got {data.label!r:.60}, the column of the true labels. Name the column of "
            "your old model's predictions."
        )
        raise ConfigError(msg)
    return replace(data, predictions=columns)


def no_features(name: str, role: str) -> BackboneError:
    """Return the error for predictions where features are needed."""
    flag = "backbone" if role == "backbones" else role
    return BackboneError(
        f"--{flag} must be a backbone with features here: got {name!r:.60}, which is predictions. They can be the "
        "--teacher of run, forecast, sweep and finetune."
    )


@dataclass(frozen=True, eq=False, slots=True)
class LabelsSource:
    """Predictions of a table whose classes are not read yet, or with them their `shares`.

    `file` is where they come from, and `whole` what messages call it if none of its columns was named. `doubt` is a
    sentence on predictions that are the labels.
    """

    name: str
    title: str
    columns: Mapping[str, Column]
    file: PredictionFile | None = None
    whole: str = ""
    given: Predictions | None = None
    shares: Shares | None = None
    doubt: str = ""

    @property
    def spec(self) -> EmbeddingSpec:
        """A hash of the predictions."""
        return self._known().spec

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on predictions that are the labels; `read` says the rest."""
        return (self.doubt,) if self.doubt else ()

    @property
    def guessed(self) -> bool:
        """Whether its columns were chosen without being named: never."""
        return False

    def read(self, table: Table) -> FeaturesRead:
        """Return what it reads."""
        given, shares = self._known(), self.shares
        return FeaturesRead(
            backbone=self.title,
            columns=tuple(self.columns),
            dim=given.X.shape[1],
            dtype="" if shares is None else shares.meaning,
            file=None if self.file is None else self.file.name,
            matched_by="row" if self.file is None or self.file.ids is None else "id",
            abstains=int((~given.speaks).sum()),
            ties=None if shares is None else shares.ties,
            classes=None if shares is None or not shares.of else shares.of,
            guessed=None if shares is None or not shares.of else shares.guessed,
            numbered=True if shares is not None and shares.numbered else None,
            truth=True if shares is not None and shares.truth else None,
            unused=None if self.file is None else self.file.unused(table),
        )

    def features_of(self, table: Table) -> FeatureSet:
        """Return the predictions of each row of the table."""
        return self._known()

    def with_classes(
        self,
        table: Table,
        labels: Labels,
        rows: Rows,
        saw: NDArray[np.bool_] | None,
        order: Sequence[str] | None = None,
    ) -> LabelsSource:
        """Return the source with what it predicts for each row of the table; `labels` are those of `rows`.

        `order` is the `class_order` of the table that has the labels, if it is another one.
        """
        order = table.class_order if order is None else order
        classes = labels.classes or ()
        unnamed = self.file is not None and self.file.unnamed
        true = true_columns(self.columns, order, labels, rows, name=self.title)
        own_label = self.file is not None and self.file.like_labels
        if true and self.whole and len(self.columns) > 1:
            raise truth_among(true, list(self.columns), name=self.title, file=self.whole, unnamed=unnamed)
        shares = shares_of(self.columns, classes, name=self.title, file=self.whole, order=order, unnamed=unnamed)
        equal = compared(shares, labels, rows)
        if own_label and equal:
            msg = (
                f"{self.title} must hold predictions: its values equal the labels of DATA in all {equal:,} rows that "
                "were compared. Use predictions of your old model."
            )
            raise DataError(msg)
        digest = hashlib.sha256(repr(tuple(classes)).encode())
        own = np.zeros(len(table), dtype=np.bool_) if saw is None else saw
        for part in (shares.X, shares.speaks, own):
            digest.update(part.tobytes())
        spec = EmbeddingSpec(backbone="labels", revision=f"sha256:{digest.hexdigest()}", dtype="float64")
        given = Predictions(ids=table.ids, X=shares.X, spec=spec, name=self.title, speaks=shares.speaks, saw=own)
        doubt = truth_note(true, equal, name=self.title, single=len(self.columns) == 1)
        return replace(self, given=given, shares=shares, doubt=doubt)

    def _known(self) -> Predictions:
        if self.given is None:
            msg = "classes are read before predictions"
            raise AssertionError(msg)
        return self.given


def open_predictions(table: Table, name: str, data: DataConfig) -> LabelsSource:
    """Return the columns of predictions that ``labels:…`` names, for the rows of the table."""
    address = parse_file(name.removeprefix(KIND))
    if address is not None:
        path, chosen = address
        _check_no_column(table, name, path)
        file = read_predictions(path, data, chosen)
        title = f"{KIND}{path.name}" + ("" if chosen is None else f"#{chosen}")
        whole = f"{KIND}{path}" if chosen is None else ""
        return LabelsSource(name, title, file.for_rows_of(table, data), file, whole)
    columns = columns_named(name)
    for column in columns:
        if column not in table.others:
            raise _no_column(table, name, column, data)
    own = {column: Column.of(table.others[column]) for column in columns}
    return LabelsSource(name, f"{KIND}{','.join(columns)}", own)


def _check_no_column(table: Table, name: str, path: Path) -> None:
    """Raise `DataError` if a column of the data is named like a file of predictions, and there is no such file."""
    typed = name.removeprefix(KIND)
    columns = [column for column in (typed, *(part.strip() for part in typed.split(","))) if column in table.columns]
    like_files = [column for column in columns if Path(column).suffix.lower() in SUFFIXES]
    if like_files and not is_regular_file(path):
        msg = (
            f"{name:.60} must name a file, since it ends in {path.suffix}: there is none, but {table.name} has a "
            f"column {like_files[0]!r:.60}. Rename this column."
        )
        raise DataError(msg)


def _no_column(table: Table, name: str, column: str, data: DataConfig) -> DataError:
    """Return the error for a column that ``labels:`` cannot find, with names that it can."""
    typed = name.removeprefix(KIND)
    odd = [own for own in table.columns if own != own.strip() or "," in own]
    meant = next((own for own in odd if column in (part.strip() for part in own.split(","))), None)
    if meant is not None:
        return DataError(
            f"labels: cannot name the column {meant!r:.60} of {table.name}: commas stand between columns, and spaces "
            "at their ends are left out. Rename this column."
        )
    if is_regular_file(Path(typed)):
        return DataError(
            f"{KIND}{Path(typed).name} must be a file that ends in {', '.join(SUFFIXES)}: got "
            f"{Path(typed).suffix or 'no suffix'!r}. Convert the file."
        )
    usable = [own for own in table.columns if own not in (*odd, data.label) and parse_file(own) is None]
    near = did_you_mean(column, usable) or " Use one of these columns."
    return DataError(
        f"--teacher labels:COLUMN must name a column of {table.name}: got {column!r}, not one of "
        f"{listed(table.columns)}.{near}"
    )


def check_pool(pool: Table, sources: Iterable[object]) -> None:
    """Raise `DataError` if predictions of DATA, among its sources, cannot be those of a second table of pool rows."""
    for source in sources:
        if not isinstance(source, LabelsSource):
            continue
        if source.file is not None and source.file.ids is None:
            msg = (
                f"{source.title} must have ids with --pool, since {pool.name} and DATA have rows of their own: got "
                "none. Save predictions and ids of the rows of both, and add --id COLUMN; or add the predictions to "
                "both tables, and name their column as labels:COLUMN."
            )
            raise DataError(msg)
        if source.file is not None:
            _check_pool_ids(pool, source.title, source.file.ids or [])
        for column in columns_named(source.name):
            if column not in pool.others:
                msg = (
                    f"the table of --pool must have the columns of --teacher {source.title:.60}: {pool.name} has "
                    f"{listed(pool.columns)}, not {column!r:.60}. Add the predictions of its rows as this column."
                )
                raise DataError(msg)


def _check_pool_ids(pool: Table, title: str, ids: Sequence[str]) -> None:
    """Raise `DataError` if a file of predictions with the ids of DATA has none of a second table, in any spelling."""
    wanted = pool.ids.tolist() if pool.has_ids else []
    if wanted and set(ids).isdisjoint(wanted) and NAME_IDS in missing_id_advice(wanted, ids, total=len(wanted)):
        msg = (
            f"{title} must have a row for every id of DATA and of {pool.name}: the {len(wanted):,} ids of {pool.name} "
            f"are missing, the first is {wanted[0]!r:.60}. Add the rows of {pool.name}, with an empty prediction to "
            "abstain."
        )
        raise DataError(msg)


def seen_rows(table: Table, data: DataConfig) -> NDArray[np.bool_] | None:
    """Return the rows that the teacher was trained on by ``--teacher-saw``, shape (n,); None if it is not given."""
    if data.teacher_saw is None:
        return None
    column = data.saw_column
    if column is None:
        return np.ones(len(table), dtype=np.bool_)
    if column not in table.others:
        raise missing_column(column, table.columns, flag="--teacher-saw", name=table.name)
    values = Column.of(table.others[column])
    return np.array([_is_true(value, column) for value in values.values], dtype=np.bool_)[values.codes]


def _is_true(value: object, column: str) -> bool:
    text = "" if is_missing(value) else str(value).strip().lower()
    if text in ("true", "1", "1.0"):
        return True
    if text in ("false", "0", "0.0"):
        return False
    got = "an empty value" if not text else f"{text!r:.60}"
    msg = f"--teacher-saw must name a column of true and false: got {got} in {column!r:.60}. Correct this column."
    raise ConfigError(msg)
