"""From a table and backbone names to forecasts; labels of the pool and of test rows are never read."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.predictions import Predictions, all_speak, predictions_of, raw_scores
from w2s_probe.core.row_view import row_view
from w2s_probe.core.shown import ShownByResult
from w2s_probe.core.splits import PARTS, Part
from w2s_probe.core.types import Features, Progress
from w2s_probe.experiments.forecast.given import GivenRows
from w2s_probe.experiments.forecast.pair import forecast_pair
from w2s_probe.experiments.forecast.pairs import ranking, with_equal_baselines
from w2s_probe.experiments.run.coverage import assumption, check_speaks, silence, training
from w2s_probe.experiments.suspects import SearchedRows, suspects_of_run
from w2s_probe.pipeline.committees import Committee, committees, members_of, shown_committee, single_backbones
from w2s_probe.pipeline.data import Opened, echo, open_rows, open_sources, open_table, pool_config
from w2s_probe.pipeline.embed import Fetched, cut_notes, fetch
from w2s_probe.pipeline.flags import result_with_flags
from w2s_probe.pipeline.forecast_rows import ForecastRows, forecast_rows, pair_rows
from w2s_probe.pipeline.parts import near_pool_notes
from w2s_probe.pipeline.preference import check_no_pairs, open_pairs, resolved, without_file_parts
from w2s_probe.pipeline.progress import part_of
from w2s_probe.pipeline.reading import OnRead, Reading, with_dims, with_pool, with_sizes
from w2s_probe.pipeline.sources import check_two_tables
from w2s_probe.pipeline.teachers import check_pool, with_teachers
from w2s_probe.results.forecast import Forecast, ForecastResult
from w2s_probe.results.suspects import SuspectsFound
from w2s_probe.strategies import check_strategies


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Forecasted(ShownByResult):
    """A finished forecast, and what it took to get the features."""

    result: ForecastResult
    fetched: list[Fetched]


def forecast(  # noqa: PLR0913  # data, settings, backbones, cache and two callbacks
    data: DataConfig,
    config: W2SConfig,
    *,
    teachers: Sequence[str],
    students: Sequence[str],
    store: FeatureStore,
    options: BackboneOptions,
    pool: str | None = None,
    suspects: bool = False,
    split_file: Path | None = None,
    on_progress: Progress | None = None,
    on_read: OnRead | None = None,
) -> Forecasted:
    """Read the data, fetch the features of all backbones, and forecast every pair.

    Rows of the pool whose item is that of a labeled row are left out, since `run` keeps such rows on one side;
    a split file's parts stay as they are.

    Parameters
    ----------
    data : DataConfig
        The table; rows whose label is null are the pool.
    config : W2SConfig
        The run that is forecast.
    teachers : sequence of str
        Backbones, predictions (``labels:…``), or committees ``A+B``, whose student learns the mean of their scores;
        every one is paired with every student.
    students : sequence of str
        Backbones.
    store : FeatureStore
        The feature cache.
    options : BackboneOptions
        How to run the backbones.
    pool : str, optional
        A second table whose rows are the pool too.
    suspects : bool
        Whether to look for the pool's likely minority with the best pair.
    split_file : Path, optional
        The user's own splits; labels of the pool and of test rows are not read.
    on_progress, on_read : callable, optional
        As in `run`.
    """
    _check(config, pool, suspects=suspects)
    config = resolved(config, data)
    weak, strong = committees(teachers, options), single_backbones(students, "student", options)
    roles = {"teacher": members_of(weak), "student": strong}
    data = with_teachers(data, roles["teacher"], all_seen=True, **_restricted(config, suspects=suspects))
    tables, rows = _tables(data, config, members_of(roles.values()), store, options, pool=pool, split_file=split_file)
    reading = _reading(rows, roles, config, split_file)
    if on_read:
        on_read(reading)
    by_table, fetched = _fetched(tables, store, config, on_progress)
    features, pools = by_table[0], (_whole_pool(rows, by_table), _speaking_pool(rows, by_table))
    notes = (*rows.notes, *cut_notes(fetched), *_near_notes(rows, features, pools[0]))
    backbones = list(itertools.product(weak, strong))
    shown = {"teacher": [shown_committee(side, tables[0]) for side in weak], "student": tables[0].shown(strong)}
    pairs = with_equal_baselines(
        _forecast(pair, title, features, rows, pools, config, notes, part_of(on_progress, at, len(backbones), title))
        for at, (pair, title) in enumerate(
            zip(backbones, itertools.product(shown["teacher"], shown["student"]), strict=True)
        )
    )
    order = ranking(pairs)
    ranked = [pairs[place] for place in order]
    echoed = echo(data, shown, options, pool=pool, dtype=options.dtype)
    settings = {**config.to_dict(classes=len(rows.labels.classes or ())), **rows.sizes}
    result = ForecastResult(
        config={**echoed, **settings},
        read=with_dims(reading.read, roles, features),
        fingerprint=_fingerprint(settings, rows, features, weak),
        level=config.level,
        best=ranked[0],
        pairs=tuple(ranked) if len(ranked) > 1 else None,
    )
    if suspects:
        (teacher, *_), student = backbones[order[0]]
        result = replace(result, suspects=_suspects(rows, (features[teacher], features[student]), config))
    return Forecasted(result=result, fetched=fetched)


def _restricted(config: W2SConfig, *, suspects: bool) -> dict[str, Any]:
    """Return the settings that teachers which are predictions restrict."""
    return {"task": config.task, "teacher_alpha": config.teacher_alpha, "suspects": suspects}


def _fetched(
    tables: Sequence[Opened], store: FeatureStore, config: W2SConfig, on_progress: Progress | None
) -> tuple[list[dict[str, FeatureSet]], list[Fetched]]:
    """Return the features of the rows of each table by backbone, predictions as raw scores, and what it took."""
    fetches = [fetch(table, store, on_progress) for table in tables]
    by_table = [
        {name: raw_scores(one, config.kind) for name, one in table.row_features(items).items()}
        for table, (items, _) in zip(tables, fetches, strict=True)
    ]
    return by_table, [one for _, took in fetches for one in took]


def _tables(
    data: DataConfig,
    config: W2SConfig,
    names: Sequence[str],
    store: FeatureStore,
    options: BackboneOptions,
    *,
    pool: str | None,
    split_file: Path | None,
) -> tuple[Sequence[Opened], ForecastRows]:
    """Return DATA and the second table, if there is one, with their labeled rows and pools."""
    data = without_file_parts(data, split_file)
    if config.task == "preference":
        opened = open_pairs(data, names, replace(config, seeds=1), store, options, split_file=split_file)
        return [opened], pair_rows(opened, config, split_file)
    check_no_pairs(data, config.task)
    tables = [open_rows(data, names, store, options)]
    if pool is not None:
        own = pool_config(pool, data)
        second = open_table(own, store)
        check_two_tables(tables[0].sources.values(), tables[0].table, second.name)
        check_pool(second, tables[0].sources.values())
        tables.append(open_sources(own, second, names, store, options))
    rows = forecast_rows(tables, config, split_file)
    none, order = replace(rows.labels, values=rows.labels.values[:0]), tables[0].table.class_order
    first = tables[0].with_classes(rows.labels, rows.labeled)
    doubts = first.table.notes[len(tables[0].table.notes) :]
    tables = [first, *(second.with_classes(none, rows.labeled[:0], order) for second in tables[1:])]
    return tables, replace(rows, opened=first, notes=(*rows.notes, *doubts))


def _forecast(  # one pair of a table that is open
    pair: tuple[Committee, str],
    title: tuple[str, str],
    features: Mapping[str, FeatureSet],
    rows: ForecastRows,
    pools: tuple[Mapping[str, Features], Mapping[str, NDArray[np.bool_]]],
    config: W2SConfig,
    notes: tuple[str, ...],
    on_progress: Progress | None,
) -> Forecast:
    """Return the forecast of one teacher or committee and one student; `title` has their names for results.

    `pools` are the features of the pool, and where teachers that are predictions speak there.
    """
    (teacher, *more), student = pair
    pool, lost, more_notes = _heard_pool(pair[0], features, *pools)
    given = _given_rows(pair[0], features, rows)
    forecast = forecast_pair(
        features[teacher].X[rows.labeled],
        features[student].X[rows.labeled],
        rows.labels.targets(np.arange(len(rows.labels))),
        pool_teacher=pool[teacher],
        pool_student=pool[student],
        more_teachers=[(features[name].X[rows.labeled], pool[name]) for name in more],
        links=rows.links,
        given=given,
        config=config,
        n_test=rows.n_test,
        names=title,
        on_progress=on_progress,
    )
    if forecast.counted is not None:
        forecast = replace(forecast, counted=replace(forecast.counted, unlabeled_left_out=lost))
    assumed = _assumptions(rows.opened.data, features, pair[0])
    return result_with_flags(
        forecast, (*notes, *assumed, *more_notes, *_counting_notes(forecast, features, pair[0], rows))
    )


def _given_rows(teachers: Committee, features: Mapping[str, FeatureSet], rows: ForecastRows) -> GivenRows | None:
    """Return what is known of teachers that are predictions on the labeled rows; None if there are none."""
    members = [features[name] for name in teachers]
    given, speak = predictions_of(members), all_speak(members)
    if speak is None:
        return None
    L = rows.labeled
    check_speaks([(one.name, one.speaks[L]) for one in given], where="the labeled rows")
    saw = np.any([one.saw[L] for one in given], axis=0)
    return GivenRows(which=tuple(isinstance(one, Predictions) for one in members), speaks=speak[L], saw=saw)


def _speaking_pool(rows: ForecastRows, features: Sequence[Mapping[str, FeatureSet]]) -> dict[str, NDArray[np.bool_]]:
    """Return the rows of the pool on which each teacher that is predictions speaks, by name."""
    masks: dict[str, NDArray[np.bool_]] = {}
    for name in features[0]:
        both = [(one[name], pool.rows) for one, pool in zip(features, rows.pools, strict=True)]
        speaks = [one.speaks[used] for one, used in both if isinstance(one, Predictions)]
        if speaks:
            masks[name] = np.concatenate(speaks)[rows.chosen]
    return masks


def _heard_pool(
    teachers: Committee,
    features: Mapping[str, FeatureSet],
    pool: Mapping[str, Features],
    speaks: Mapping[str, NDArray[np.bool_]],
) -> tuple[Mapping[str, Features], int, tuple[str, ...]]:
    """Return the features of the rows of the pool on which no teacher abstains, the number of others, and a note."""
    masks = [(features[name].name, speaks[name]) for name in teachers if name in speaks]
    if not masks:
        return pool, 0, ()
    check_speaks(masks, where="the pool")
    heard = np.all([mask for _, mask in masks], axis=0)
    lost = int((~heard).sum())
    if not lost:
        return pool, 0, ()
    silent = [name for name, mask in masks if not mask.all()]
    note = f"{lost:,} of {len(heard):,} rows of the pool are left out, since {silence(silent)}."
    return {name: row_view(X, np.flatnonzero(heard)) for name, X in pool.items()}, lost, (note,)


def _assumptions(data: DataConfig, features: Mapping[str, FeatureSet], teachers: Committee) -> tuple[str, ...]:
    """Return what is assumed of teachers that are predictions, if the user does not say what they were trained on."""
    given = predictions_of(features[name] for name in teachers)
    if not given or data.teacher_saw is not None:
        return ()
    return (assumption([one.name for one in given]),)


def _counting_notes(
    forecast: Forecast, features: Mapping[str, FeatureSet], teachers: Committee, rows: ForecastRows
) -> tuple[str, ...]:
    """Return on which labeled rows scores are counted, if not on all, and what a teacher that saw all of them means."""
    counted, teacher = forecast.counted, forecast.teacher_backbone
    if counted is None:
        return ()
    notes = []
    if counted.rows < forecast.n:
        given, L = predictions_of(features[name] for name in teachers), rows.labeled
        silent = [one.name for one in given if not one.speaks[L].all()]
        saw = [one.name for one in given if one.saw[L].any()]
        reasons = ((silence(silent), counted.abstains), (training(saw), counted.saw))
        why = ", ".join(f"{what} on {count:,}" for what, count in reasons if count)
        notes.append(f"Scores are counted on {counted.rows:,} of {forecast.n:,} labeled rows: {why}.")
    if forecast.gain.reason:
        notes.append(
            f"{teacher} was trained on every labeled row on which it speaks, so that its accuracy and the gain cannot "
            "be known. Student - baseline may be too good: these labels have reached the student through its teacher."
        )
    return tuple(notes)


def _check(config: W2SConfig, pool: str | None, *, suspects: bool) -> None:
    if config.strategies != ("vanilla",):
        msg = f"forecast supports only the vanilla strategy: got {', '.join(config.strategies)}. Remove --strategy."
        raise ConfigError(msg)
    check_strategies(config.strategies, config.settings)
    if config.task == "preference" and (suspects or pool is not None):
        flag = "--suspects" if suspects else "--pool"
        msg = f"{flag} needs --task classification: got preference, whose rows are pairs of one table. Remove {flag}."
        raise ConfigError(msg)
    strengths = (config.teacher_alpha, config.student_alpha)
    if config.task == "preference" and any(isinstance(strength, float) for strength in strengths):
        msg = (
            "forecast chooses the strengths of its own ridge heads for preference pairs: got a strength of "
            "Bradley-Terry heads. Remove --teacher-alpha and --student-alpha."
        )
        raise ConfigError(msg)
    if suspects and pool is not None:
        msg = "--suspects reads the pool from DATA: got also --pool. Add its rows to DATA without labels."
        raise ConfigError(msg)


def _suspects(rows: ForecastRows, pair: tuple[FeatureSet, FeatureSet], config: W2SConfig) -> SuspectsFound:
    """Return the suspects of the pool; labels of rows that are not labeled stay empty."""
    table, L, U, labels = rows.pools[0].table, rows.labeled, rows.pools[0].rows, rows.labels
    values = np.zeros(len(table), dtype=labels.values.dtype)
    values[L] = labels.values
    return suspects_of_run(
        *pair,
        Labels(values=values, classes=labels.classes),
        splits=[SearchedRows(labeled=L, unlabeled=U, seed=config.seed)],
        config=config,
        texts=[str(item) for item in table.items or ()] if table.modality == "text" else None,
        judge=False,
    )


def _reading(
    rows: ForecastRows, roles: Mapping[str, Sequence[str]], config: W2SConfig, split_file: Path | None
) -> Reading:
    """Return what was read, with the rows of the pool that repeat labeled rows."""
    opened, (first, *others) = rows.opened, rows.pools
    reading = opened.reading(roles, rows.class_labels, unlabeled=rows.unlabeled)
    left_out = {**reading.read.left_out, **first.left_out}
    reading = replace(reading, read=replace(reading.read, left_out=left_out))
    for second in others:
        reading = with_pool(reading, second.table, second.left_out)
    sizes: dict[Part, tuple[int]]
    sizes = {"labeled": (len(rows.labeled),), "unlabeled": (len(rows.chosen),), "test": (rows.n_test,)}
    return with_sizes(reading, sizes, config, PARTS if split_file else tuple(opened.fixed))


def _whole_pool(rows: ForecastRows, features: Sequence[Mapping[str, FeatureSet]]) -> dict[str, Features]:
    """Return the features of the pool by backbone; `features` are those of each table."""
    both = list(zip(rows.pools, features, strict=True))
    if len(both) == 1:
        return {name: row_view(matrix.X, both[0][0].rows[rows.chosen]) for name, matrix in features[0].items()}
    matrices = {name: [more[name].X[pool.rows] for pool, more in both] for name in features[0]}
    return {name: row_view(np.concatenate(parts), rows.chosen) for name, parts in matrices.items()}


def _near_notes(
    rows: ForecastRows, features: Mapping[str, FeatureSet], whole: Mapping[str, Features]
) -> tuple[str, ...]:
    """Return how many rows of the pool repeat labeled rows up to rounding, where rows are known by their features."""
    if rows.opened.item_table.items is not None or rows.links is not None:
        return ()
    spaces = [name for name in whole if not isinstance(features[name], Predictions)]
    return near_pool_notes([features[name].X[rows.labeled] for name in spaces], [whole[name] for name in spaces])


def _fingerprint(
    config: Mapping[str, Any], rows: ForecastRows, features: Mapping[str, FeatureSet], weak: Sequence[Committee]
) -> str:
    question: dict[str, Any] = {"config": config, "features": [one.spec.to_dict() for one in features.values()]}
    if any(len(names) > 1 for names in weak):
        question["committees"] = [[list(features).index(name) for name in names] for names in weak]
    digest = hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode())
    if rows.links is not None:
        digest.update(rows.links.astype(np.int64).tobytes())
    for part in (rows.labels.values, rows.labeled, rows.pools[0].rows, *(pool.keys for pool in rows.pools[1:])):
        digest.update(part.tobytes())
    return digest.hexdigest()
