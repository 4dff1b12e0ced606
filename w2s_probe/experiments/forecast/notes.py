"""Notes of a forecast: heads that stand for others, where a label-free form misleads, strengths, rows, scaling."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from w2s_probe.core.config import W2SConfig
from w2s_probe.core.fit_options import coarse_grid_notes
from w2s_probe.experiments.forecast.advice import noted_heads
from w2s_probe.experiments.forecast.data import ForecastData
from w2s_probe.experiments.forecast.evidence import MeanEstimate
from w2s_probe.experiments.forecast.given import GivenRows
from w2s_probe.experiments.forecast.pipeline import PipelineScores
from w2s_probe.experiments.strengths import edge_note, head_notes, large_row_notes, pair_notes, row_sizes, scale_notes
from w2s_probe.results.forecast import Misfit

SMALL_MISFIT = 1e-3  # share of the labels' variance below which a misfit needs no note


def forecast_notes(
    scores: PipelineScores, data: ForecastData, misfit: Misfit, gain: MeanEstimate, config: W2SConfig
) -> Iterator[str]:
    """Yield all notes of the forecast of one pair."""
    yield from _data_notes(data)
    yield from _misfit_notes(misfit, gain, data)
    yield from _head_notes(scores, data, config)


def _data_notes(data: ForecastData) -> Iterator[str]:
    """Yield which heads stand for those of pairs, what the numbers of a committee are, and which ones it has not."""
    if data.links is not None:
        yield (
            "The forecast fits odd ridge heads to the pairs (squared error, unscaled features, soft pseudolabels) in "
            "place of the Bradley-Terry heads of run: their held-out predictions are exact without a refit."
        )
    if data.more_teachers:
        yield (
            f"The student learns the mean of {len(data.more_teachers) + 1} teachers' scores, as the strategy "
            "mean_teacher of run does. The teacher, the gain and PGR are those of the first teacher. The parts of the "
            "student's error and the representation gap are defined for one teacher only and are left out."
        )


def _misfit_notes(misfit: Misfit, gain: MeanEstimate, data: ForecastData) -> tuple[str, ...]:
    """Return notes where a label-free form misleads."""
    notes, spread = [], float(data.Y.var(axis=0).sum())
    if misfit.misfit > SMALL_MISFIT * spread and misfit.gain < 0.5 * misfit.misfit:
        notes.append(
            f"The misfit, which needs no label, is {misfit.misfit:.3g}, but the gain in squared error is "
            f"{misfit.gain:+.3g}: here the misfit does not predict the gain."
        )
    if abs(misfit.gain) > SMALL_MISFIT * spread and misfit.gain * gain.value < 0:
        notes.append(
            f"The student {'gains' if misfit.gain > 0 else 'loses'} in squared error ({misfit.gain:+.3g}), but "
            f"{'gains' if gain.value > 0 else 'loses'} in {'accuracy' if data.score == 'accuracy' else 'R²'} "
            f"({gain.value:+.3f})."
        )
    return tuple(notes)


def _head_notes(scores: PipelineScores, data: ForecastData, config: W2SConfig) -> Iterator[str]:
    """Yield the notes on the grid, strengths, large rows and scaling."""
    yield from coarse_grid_notes(config.kind, data.Y.shape[1], config.alphas)
    if data.given is not None:
        yield from _notes_beside_given(scores, data, data.given, config)
        return
    yield from pair_notes(
        noted_heads(scores, config, same_features=data.same_features),
        (data.X_teacher, data.X_student),
        (data.pool_teacher, data.pool_student),
        data.Y,
        config=config,
    )
    for number, ((X, pool), (head, *_)) in enumerate(
        zip(data.more_teachers, scores.fitted[1:-1], strict=True), start=2
    ):
        yield from head_notes(f"teacher {number}", head, (X, pool))


def _notes_beside_given(
    scores: PipelineScores, data: ForecastData, given: GivenRows, config: W2SConfig
) -> Iterator[str]:
    """Yield the notes on all heads but those of teachers that are predictions, which have no features."""
    for name, head in noted_heads(scores, config, same_features=False).items():
        note = edge_note(name, [head])
        if note and (name != "teacher" or not given.which[0]):
            yield note
    student = np.concatenate([row_sizes(X, np.arange(len(X))) for X in (data.X_student, data.pool_student)])
    yield from large_row_notes("student", student)
    yield from scale_notes(None if given.which[0] else data.X_teacher, data.X_student, data.Y, config=config)
