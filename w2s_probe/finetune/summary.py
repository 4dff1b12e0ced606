"""The result of a fine-tune from its frozen run and the fine-tuned systems of each split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from w2s_probe import metrics
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.finetune_config import FinetuneConfig
from w2s_probe.experiments.run.comparison import signed
from w2s_probe.experiments.run.scores import RunScores, concatenated, judged, row_scores
from w2s_probe.experiments.run.summary import reliability_of, test_draws
from w2s_probe.experiments.run.tidy import tidy_rows
from w2s_probe.finetune.tasks import BASELINE, CEILING, STUDENT
from w2s_probe.finetune.tuned import TunedOutcome
from w2s_probe.heads.given import GivenHead
from w2s_probe.metrics import RowScore
from w2s_probe.pipeline.run import Run
from w2s_probe.results.finetune import FinetuneResult, Finetuning
from w2s_probe.results.run import W2SResult
from w2s_probe.results.student import Epoch, StudentResult, SystemResult
from w2s_probe.strategies.control import CONTROL


def summarize(
    frozen: Run,
    outcomes: Sequence[TunedOutcome],
    *,
    config: W2SConfig,
    tuning: FinetuneConfig,
    fingerprint: str,
    settings: dict[str, Any],
    parameters: tuple[int, int],
    skipped: dict[str, str],
    notes: Sequence[str] = (),
    weights: dict[str, str] | None = None,
) -> FinetuneResult:
    """Return frozen and fine-tuned systems with intervals, on the same test rows.

    `parameters` are the numbers of trained parameters and of all parameters; `skipped` says why a strategy's student
    was not fine-tuned; `notes` precede those on the result; `weights` are the hashes of files of weights, by name.
    """
    labels, groups, result = frozen.labels, frozen.groups, frozen.result
    by_seed = [row_scores(outcome, labels) for outcome in outcomes]
    everywhere = [name for name in by_seed[0] if all(name in scores for scores in by_seed)]
    rows = {name: concatenated([scores[name] for scores in by_seed]) for name in everywhere}
    draws = test_draws([outcome.split for outcome in outcomes], config, None)
    run = RunScores(outcomes=outcomes, labels=labels, groups=groups, draws=draws, rows=rows)
    tuned = [name for name in outcomes[0].tuned if name in rows]
    students = {name: _student(run, name) for name in tuned if name.startswith(STUDENT + "/") or name == STUDENT}
    students = {name: student for name, student in students.items() if not name.endswith(CONTROL)}
    systems = {
        name: SystemResult(**run.system_fields(name), **_tuning(run, name))
        for name in tuned
        if "/" not in name and name != STUDENT
    }
    own = {each.name: getattr(result, each.name) for each in fields(W2SResult)}
    verdict = _verdict(run, students[STUDENT])
    changes: dict[str, Any] = {
        "fingerprint": fingerprint,
        "systems": {**result.systems, **systems},
        "students": {**result.students, **students},
        "skipped": {**(result.skipped or {}), **skipped} or None,
        "reliability": {
            **result.reliability,
            **{name: reliability_of(name, outcomes, rows) for name in (*systems, *students)},
        },
        "notes": (*result.notes, *notes, *_notes(systems, students, outcomes, tuning, verdict)),
        "cells": tuple(tidy_rows(outcomes, by_seed, everywhere, labels, groups)),
    }
    trained, every = parameters
    finetuning = Finetuning(settings=settings, trained_parameters=trained, parameters=every, weights=weights, **verdict)
    return FinetuneResult(**{**own, **changes}, finetuning=finetuning)


def _student(run: RunScores, name: str) -> StudentResult:
    """Return a fine-tuned student beside the teacher and the fine-tuned baseline and ceiling."""
    student = judged(run, name, systems=("teacher", BASELINE, CEILING), vanilla=STUDENT)
    return replace(student, **_tuning(run, name))


def _tuning(run: RunScores, name: str) -> dict[str, Any]:
    """Return what only fine-tuned systems have: the change against the frozen one, epochs, and the curve over them."""
    outcomes = [outcome for outcome in run.outcomes if isinstance(outcome, TunedOutcome)]
    tuned = [outcome.tuned[name] for outcome in outcomes]
    main, first = run.rows[name][run.main], tuned[0]
    held_out = np.mean([each.held_out for each in tuned], axis=0).tolist() if first.held_out else []
    points = []
    for epoch in range(len(first.logits)):
        score = run.accuracy([each.logits[epoch].argmax(axis=1) for each in tuned])
        loss = held_out[epoch - 1] if epoch and held_out else np.nan
        points.append(Epoch(epoch=epoch, accuracy=_mean(run, score), held_out=loss))
    return {
        "versus_frozen": metrics.difference(main, run.rows[first.frozen][run.main], run.draws),
        "epochs": float(np.mean([each.epochs for each in tuned])),
        "lr": first.lr,
        "chosen_by": first.chosen_by,
        "curve": tuple(points),
    }


def _mean(run: RunScores, score: RowScore) -> Any:
    return metrics.ratio_of_means(score.numerator, score.denominator, run.draws, bounds=score.bounds)


def _verdict(run: RunScores, student: StudentResult) -> dict[str, Any]:
    """Return the verdict on the fine-tuned student, with the better baseline and the difference to it."""
    better = max((BASELINE, "baseline"), key=lambda name: run.rows[name][run.main].numerator.sum())
    versus = metrics.difference(run.rows[STUDENT][run.main], run.rows[better][run.main], run.draws)
    n = len(run.outcomes[0].split.labeled)
    given = isinstance(run.outcomes[0].heads["teacher"], GivenHead)
    verdict = metrics.decide(gain=student.gain, versus_baseline=versus, n_labeled=n, score=run.main, given=given)
    return {"baseline": better, "versus_baseline": versus, "verdict": verdict}


def _notes(
    systems: dict[str, SystemResult],
    students: dict[str, StudentResult],
    outcomes: Sequence[TunedOutcome],
    tuning: FinetuneConfig,
    verdict: Mapping[str, Any],
) -> Iterator[str]:
    """Yield notes: fine-tuning that made a system worse, and epochs at the end of their range."""
    named: list[tuple[str, SystemResult]] = [*systems.items(), *students.items()]
    worse = {
        name: signed(system.versus_frozen)
        for name, system in named
        if system.versus_frozen and system.versus_frozen.high < 0
    }
    if worse:
        changes = ", ".join(f"{name} {change}" for name, change in worse.items())
        fewer = ", or fewer `epochs`" if (tuning.epochs or 0) > 1 else ""
        yield f"Worse than frozen after fine-tuning: {changes}. Try a smaller `lr`{fewer}."
    if verdict["baseline"] != BASELINE and tuning.most_epochs:
        yield "The frozen baseline is better than the fine-tuned one: the verdict compares the student with it."
    if tuning.epochs is None:
        last = [
            name
            for name, _ in named
            if name not in worse and all(o.tuned[name].epochs == tuning.most_epochs for o in outcomes)
        ]
        if last:
            yield (
                f"The last epoch, {tuning.most_epochs}, was chosen in every seed for {', '.join(last)}: more may be "
                f"better. Try `epochs` {2 * tuning.most_epochs}."
            )
