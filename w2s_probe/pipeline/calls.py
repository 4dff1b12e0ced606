"""The verbs in Python: called with data and names of backbones, or with features and labels in memory.

Both are the same verb: arrays are data whose features have names, see `ArrayData`. A `DataConfig` as the first argument
tells which it is.
"""

from __future__ import annotations

from typing import Any, overload

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig, DiagnoseConfig, Task, W2SConfig
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.labels import Labels
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.diagnostics import Diagnosis
from w2s_probe.diagnostics import diagnose as diagnose_features
from w2s_probe.pipeline.arguments import Given, Names, Several, Values, arguments, default_store, further
from w2s_probe.pipeline.diagnose import diagnose as diagnose_data
from w2s_probe.pipeline.forecast import Forecasted
from w2s_probe.pipeline.forecast import forecast as forecast_data
from w2s_probe.pipeline.run import Run
from w2s_probe.pipeline.run import run as run_data
from w2s_probe.pipeline.sweep import Sweep
from w2s_probe.pipeline.sweep import sweep as sweep_data


@overload
def run(
    data: DataConfig,
    config: W2SConfig | None = ...,
    *,
    teacher: Names,
    student: str,
    store: FeatureStore | None = ...,
    options: BackboneOptions | None = ...,
    **more: Any,
) -> Run: ...
@overload
def run(
    data: Several,
    student_features: Given,
    labels: Values | Labels,
    config: W2SConfig | None = ...,
    *,
    groups: Values | None = ...,
    ids: Values | None = ...,
    teacher: str | None = ...,
    student: str | None = ...,
    **more: Any,
) -> Run: ...
def run(  # type: ignore[misc]  # `config` is the second or the fourth argument
    data: Any,
    student_features: Any = None,
    labels: Any = None,
    config: Any = None,
    *,
    teacher: Any = None,
    student: Any = None,
    groups: Any = None,
    ids: Any = None,
    store: FeatureStore | None = None,
    options: BackboneOptions | None = None,
    **more: Any,
) -> Run:
    """Measure weak-to-strong: ``run(DataConfig(…), config, teacher=…, student=…)`` or ``run(X, Z, labels, config)``.

    Parameters
    ----------
    data : DataConfig, array of shape (n, d), FeatureSet, or mapping of name to either
        The table and its columns; or the features of the teacher, or of the members of a committee.
    student_features : array of shape (n, d) or FeatureSet
        Features of the student. With a `DataConfig`, the config may stand here.
    labels : sequence of length n, or Labels
        True labels of features: classes, or numbers if the config says regression.
    config : W2SConfig, optional
        The experiment.
    teacher, student : str
        Backbones, ``KIND:NAME``, ``features:FILE`` or ``cached:NAME``; a committee is ``A+B`` or a sequence. Of
        features: their names in the result.
    groups, ids : sequence of length n, optional
        Group values and distinct ids of the rows of features. Without ids, rows count from 0.
    store : FeatureStore, optional
        The feature cache; by default that of the command line.
    options : BackboneOptions, optional
        How to run the backbones.
    **more
        `split_file`, `curve`, `suspects`, `on_progress` and `on_read` of `w2s_probe.pipeline.run.run`.

    Raises
    ------
    W2SProbeError
        One sentence: what was expected, what came, what to do.
    """
    more = further("run", run_data, more)
    shared: dict[str, Any] = {"names": (teacher, student), "columns": {"groups": groups, "ids": ids}}
    asked = arguments("run", data, student_features, labels, config, default=W2SConfig, **shared)
    return run_data(
        asked.data,
        asked.config,
        teacher=asked.teachers,
        student=asked.one("students"),
        store=store or default_store(),
        options=options or BackboneOptions(),
        **more,
    )


@overload
def forecast(
    data: DataConfig,
    config: W2SConfig | None = ...,
    *,
    teachers: Names,
    students: Names,
    store: FeatureStore | None = ...,
    options: BackboneOptions | None = ...,
    **more: Any,
) -> Forecasted: ...
@overload
def forecast(
    data: Several,
    student_features: Several,
    labels: Values | Labels,
    config: W2SConfig | None = ...,
    *,
    groups: Values | None = ...,
    ids: Values | None = ...,
    teachers: str | None = ...,
    students: str | None = ...,
    **more: Any,
) -> Forecasted: ...
def forecast(  # type: ignore[misc]  # `config` is the second or the fourth argument
    data: Any,
    student_features: Any = None,
    labels: Any = None,
    config: Any = None,
    *,
    teachers: Any = None,
    students: Any = None,
    groups: Any = None,
    ids: Any = None,
    store: FeatureStore | None = None,
    options: BackboneOptions | None = None,
    **more: Any,
) -> Forecasted:
    """Forecast pairs: ``forecast(DataConfig(…), config, teachers=…, students=…)`` or ``forecast(X, Z, labels)``.

    Parameters
    ----------
    data : DataConfig, array of shape (n, d), FeatureSet, or mapping of name to either
        The table and its columns; or the features of one teacher or of several, each a pair with every student.
    student_features : array of shape (n, d), FeatureSet, or mapping of name to either
        Features of the students. With a `DataConfig`, the config may stand here.
    labels : sequence of length n, or Labels
        Labels of features. Rows without one (None or NaN) are the pool.
    config : W2SConfig, optional
        The run that is forecast.
    teachers, students : str or sequence of str
        Backbones; a committee of teachers is ``A+B``. Of features: the name of a single one in the result.
    groups, ids : sequence of length n, optional
        As in `run`.
    store, options : optional
        As in `run`.
    **more
        `suspects`, `split_file`, `on_progress` and `on_read` of `w2s_probe.pipeline.forecast.forecast`; with a
        `DataConfig` also `pool`.

    Raises
    ------
    W2SProbeError
        One sentence: what was expected, what came, what to do.
    """
    more = further("forecast", forecast_data, more)
    shared: dict[str, Any] = {"names": (teachers, students), "columns": {"groups": groups, "ids": ids}}
    asked = arguments("forecast", data, student_features, labels, config, default=W2SConfig, **shared)
    _check_pool(data, more.get("pool"))
    return forecast_data(
        asked.data,
        asked.config,
        teachers=asked.teachers,
        students=asked.students,
        store=store or default_store(),
        options=options or BackboneOptions(),
        **more,
    )


@overload
def sweep(
    data: DataConfig,
    config: SweepConfig | None = ...,
    *,
    teachers: Names,
    students: Names,
    store: FeatureStore | None = ...,
    options: BackboneOptions | None = ...,
    **more: Any,
) -> Sweep: ...
@overload
def sweep(
    data: Several,
    student_features: Several,
    labels: Values | Labels,
    config: SweepConfig | None = ...,
    *,
    groups: Values | None = ...,
    ids: Values | None = ...,
    teachers: str | None = ...,
    students: str | None = ...,
    **more: Any,
) -> Sweep: ...
def sweep(  # type: ignore[misc]  # `config` is the second or the fourth argument
    data: Any,
    student_features: Any = None,
    labels: Any = None,
    config: Any = None,
    *,
    teachers: Any = None,
    students: Any = None,
    groups: Any = None,
    ids: Any = None,
    store: FeatureStore | None = None,
    options: BackboneOptions | None = None,
    **more: Any,
) -> Sweep:
    """Measure a grid: ``sweep(DataConfig(…), config, teachers=…, students=…)`` or ``sweep(X, Z, labels, config)``.

    Parameters
    ----------
    data : DataConfig, array of shape (n, d), FeatureSet, or mapping of name to either
        The table and its columns; or the features of one teacher or of several, each a pair with every student.
    student_features : array of shape (n, d), FeatureSet, or mapping of name to either
        Features of the students. With a `DataConfig`, the config may stand here.
    labels : sequence of length n, or Labels
        True labels of features.
    config : SweepConfig, optional
        The axes, and what all cells share.
    teachers, students : str or sequence of str
        As in `forecast`.
    groups, ids : sequence of length n, optional
        As in `run`.
    store, options : optional
        As in `run`.
    **more
        `split_file`, `folder`, `jobs`, `on_progress`, `on_read` and `on_note` of `w2s_probe.pipeline.sweep.sweep`.

    Raises
    ------
    W2SProbeError
        One sentence: what was expected, what came, what to do.
    """
    more = further("sweep", sweep_data, more)
    shared: dict[str, Any] = {"names": (teachers, students), "columns": {"groups": groups, "ids": ids}}
    asked = arguments("sweep", data, student_features, labels, config, default=SweepConfig, **shared)
    return sweep_data(
        asked.data,
        asked.config,
        teachers=asked.teachers,
        students=asked.students,
        store=store or default_store(),
        options=options or BackboneOptions(),
        **more,
    )


@overload
def diagnose(
    data: DataConfig,
    config: DiagnoseConfig | None = ...,
    *,
    teacher: str,
    student: str,
    task: Task = ...,
    store: FeatureStore | None = ...,
    options: BackboneOptions | None = ...,
    **more: Any,
) -> Diagnosis: ...
@overload
def diagnose(
    data: Given,
    student_features: Given,
    labels: Values | Labels | None = ...,
    config: DiagnoseConfig | None = ...,
    *,
    ids: Values | None = ...,
    teacher: str | None = ...,
    student: str | None = ...,
    task: Task = ...,
    **more: Any,
) -> Diagnosis: ...
def diagnose(  # type: ignore[misc]  # `config` is the second or the fourth argument
    data: Any,
    student_features: Any = None,
    labels: Any = None,
    config: Any = None,
    *,
    teacher: Any = None,
    student: Any = None,
    ids: Any = None,
    task: Task = "classification",
    store: FeatureStore | None = None,
    options: BackboneOptions | None = None,
    **more: Any,
) -> Diagnosis:
    """Diagnose a pair: ``diagnose(DataConfig(…), config, teacher=…, student=…)`` or ``diagnose(X, Z, labels, config)``.

    Parameters
    ----------
    data : DataConfig, array of shape (n, d), or FeatureSet
        The table and its columns; or the features of the teacher.
    student_features : array of shape (n, d) or FeatureSet
        Features of the student. With a `DataConfig`, the config may stand here.
    labels : sequence of length n, or Labels, optional
        Labels of features; rows may have none (None or NaN).
    config : DiagnoseConfig, optional
        Settings of the measures.
    teacher, student : str
        Backbones. Of features: their names in the result.
    ids : sequence of length n, optional
        As in `run`.
    task : {"classification", "regression", "preference"}
        How labels are read.
    store, options : optional
        As in `run`.
    **more
        `on_progress` and `on_read` of `w2s_probe.pipeline.diagnose.diagnose`, and `pool` with a `DataConfig`. With
        arrays, `targets` and `labeled` of `w2s_probe.diagnostics.diagnose` may stand for labels.

    Raises
    ------
    W2SProbeError
        One sentence: what was expected, what came, what to do.
    """
    if more.keys() & {"targets", "labeled"} and labels is None and not isinstance(data, DataConfig):
        return diagnose_features(data, student_features, config=config, **further("diagnose", diagnose_features, more))
    more = further("diagnose", diagnose_data, more)
    shared: dict[str, Any] = {"names": (teacher, student), "columns": {"ids": ids}, "needs_labels": False}
    asked = arguments("diagnose", data, student_features, labels, config, default=DiagnoseConfig, **shared)
    _check_pool(data, more.get("pool"))
    return diagnose_data(
        asked.data,
        asked.config,
        teacher=asked.one("teachers"),
        student=asked.one("students"),
        task=labels.task if isinstance(labels, Labels) else task,
        store=store or default_store(),
        options=options or BackboneOptions(),
        **more,
    ).result


def _check_pool(data: Any, pool: str | None) -> None:
    if pool is not None and not isinstance(data, DataConfig):
        msg = f"a pool of features must be rows without a label: got {pool!r:.60}. Add its rows with the label None."
        raise ConfigError(msg)
