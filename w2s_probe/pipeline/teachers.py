"""Teachers that are predictions: ``labels:COLUMN``, ``labels:COLUMN,COLUMN,…`` and ``labels:FILE``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.columns import Column
from w2s_probe.core.config import DataConfig, Task
from w2s_probe.core.errors import BackboneError, ConfigError, DataError
from w2s_probe.core.features import EmbeddingSpec, FeatureSet
from w2s_probe.core.labels import is_missing
from w2s_probe.core.predictions import Predictions
from w2s_probe.datasets import Table, missing_column
from w2s_probe.pipeline.prediction_columns import Shares, probabilities, shares_of
from w2s_probe.pipeline.prediction_files import PredictionFile, file_of, read_predictions
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
    if file_of(rest) is not None:
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
    """Predictions of a table whose classes are not read yet, or with them their `shares`."""

    name: str
    title: str
    columns: Mapping[str, Column]
    file: PredictionFile | None = None
    given: Predictions | None = None
    meaning: str = ""

    @property
    def spec(self) -> EmbeddingSpec:
        """A hash of the predictions."""
        return self._known().spec

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was read: none; `read` says it."""
        return ()

    @property
    def guessed(self) -> bool:
        """Whether its columns were chosen without being named: never."""
        return False

    def read(self, table: Table) -> FeaturesRead:
        """Return what it reads."""
        given = self._known()
        return FeaturesRead(
            backbone=self.title,
            columns=tuple(self.columns),
            dim=given.X.shape[1],
            dtype=self.meaning,
            file=None if self.file is None else self.file.name,
            matched_by="row" if self.file is None or self.file.ids is None else "id",
            abstains=int((~given.speaks).sum()),
        )

    def features_of(self, table: Table) -> FeatureSet:
        """Return the predictions of each row of the table."""
        return self._known()

    def with_classes(self, table: Table, classes: Sequence[str], saw: NDArray[np.bool_] | None) -> LabelsSource:
        """Return the source with what it predicts for each row of the table."""
        shares = self._shares(classes)
        digest = hashlib.sha256(repr(tuple(classes)).encode())
        own = np.zeros(len(table), dtype=np.bool_) if saw is None else saw
        for part in (shares.X, shares.speaks, own):
            digest.update(part.tobytes())
        spec = EmbeddingSpec(backbone="labels", revision=f"sha256:{digest.hexdigest()}", dtype="float64")
        given = Predictions(ids=table.ids, X=shares.X, spec=spec, name=self.title, speaks=shares.speaks, saw=own)
        return replace(self, given=given, meaning=shares.meaning)

    def _shares(self, classes: Sequence[str]) -> Shares:
        if self.file is None or not self.file.of_classes:
            return shares_of(self.columns, classes, name=self.title)
        if len(self.columns) != len(classes):
            msg = (
                f"{self.title} must have a column of probabilities for each of {len(classes)} classes: got "
                f"{len(self.columns)}. Save classes or votes as whole numbers or texts."
            )
            raise DataError(msg)
        P = np.column_stack(
            [np.array(values.values, dtype=np.float64)[values.codes] for values in self.columns.values()]
        )
        return probabilities(P, list(self.columns), name=self.title)

    def _known(self) -> Predictions:
        if self.given is None:
            msg = "classes are read before predictions"
            raise AssertionError(msg)
        return self.given


def open_predictions(table: Table, name: str, data: DataConfig) -> LabelsSource:
    """Return the columns of predictions that ``labels:…`` names, for the rows of the table."""
    columns = columns_named(name)
    if not columns:
        path = Path(name.removeprefix(KIND))
        file = read_predictions(path, data)
        return LabelsSource(name, f"{KIND}{path.name}", file.for_rows_of(table), file)
    for column in columns:
        if column not in table.others:
            raise missing_column(column, table.columns, flag="--teacher labels:COLUMN", name=table.name)
    own = {column: Column.of(table.others[column]) for column in columns}
    return LabelsSource(name, f"{KIND}{','.join(columns)}", own)


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
