"""How well forecasts foretell measurements: ``make fidelity``. Real data, real backbones, cells fixed beforehand.

For every cell of ``cells.toml`` and every seed, weak-to-strong is forecast from the labeled rows and the pool, then
measured on test rows. Beside the forecast stand plain leave-one-out of the pipeline, the label-free representation
gap, and the noise ceiling: the difference on the test rows against that on the pool's true labels, with the same heads.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm, spearmanr

from tests.fidelity.data import open_cells
from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore, default_cache
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels, read_labels
from w2s_probe.core.splits import Split
from w2s_probe.diagnostics.representation_gap import representation_gap
from w2s_probe.experiments.forecast.held_out import pipeline_scores
from w2s_probe.experiments.forecast.pipeline import PipelineScores
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.protocol import fit_seed
from w2s_probe.linalg.moments import moments_of
from w2s_probe.linalg.teacher_student import HeldOut
from w2s_probe.pipeline.data import open_sources, split_rows
from w2s_probe.pipeline.embed import fetch

Float = NDArray[np.float64]
Cell = tuple[str, str, str, int]
LEVEL = 0.95
WEIGHTS = {"gain": (-1, 1, 0), "student - baseline": (0, 1, -1)}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One seed of one cell, on one difference."""

    cell: Cell
    seed: int
    measured: float
    forecast: float
    error: float
    observed: tuple[float, float]
    plain: float
    plain_error: float
    plain_observed: tuple[float, float]
    gap: float
    on_pool: float


def trials(cells: dict[str, Any], part: str, store: FeatureStore) -> Iterator[dict[str, Trial]]:
    """Yield every trial of a part, gain and student minus baseline."""
    for group in cells[part]:
        table = open_cells(group["data"])
        labels = read_labels(table.label or [], name="label", task="classification")
        pairs = pairs_of(group)
        names = sorted({name for pair in pairs for name in pair})
        rows = open_sources(DataConfig(data=group["data"]), table, names, store, BackboneOptions())
        features, _ = fetch(rows, store)
        sizes = {"n_unlabeled": group["n_unlabeled"], "n_test": group["n_test"], "seeds": cells["seeds"]}
        for n in group.get("n_labeled", cells["n_labeled"]):
            config = W2SConfig(n_labeled=n, **sizes)
            for teacher, student in pairs:
                for split in split_rows(rows.labeled(labels), config):
                    pair = features[teacher], features[student]
                    yield one_trial(pair, labels, split, config, cell=(group["data"], teacher, student, n))
        print(f"  {group['data']} done", file=sys.stderr)


def pairs_of(group: dict[str, Any]) -> list[tuple[str, str]]:
    """Return teachers and students: every ordered pair of the group's backbones, or each teacher with one student."""
    if "backbones" in group:
        return list(permutations(group["backbones"], 2))
    return [(teacher, group["student"]) for teacher in group["teachers"]]


def one_trial(
    pair: tuple[FeatureSet, FeatureSet], labels: Labels, split: Split, config: W2SConfig, *, cell: Cell
) -> dict[str, Trial]:
    """Return forecast and measurement of one split."""
    weak, strong = pair
    L, U = split.labeled, split.unlabeled
    blind = replace(labels, values=np.where(np.isin(np.arange(len(labels)), L), labels.values, 0))
    X_t, X_s = (np.asarray(found.X[L], dtype=np.float64) for found in pair)
    pool = moments_of({"teacher": weak.X[U], "student": strong.X[U]})
    scores = pipeline_scores(
        X_t,
        X_s,
        blind.targets(L),
        rows=np.arange(len(L)),
        pool=pool,
        pool_teacher=weak.X[U],
        pool_student=strong.X[U],
        config=config,
        rng=np.random.default_rng([split.seed, 3]),
        repeats=10,
    )
    gap = representation_gap(
        pool, teacher_alpha=scores.alphas["teacher"] * len(U) / len(L), student_alpha=scores.alphas["student"]
    ).value
    outcome = fit_seed(weak, strong, labels, split=split, config=config)
    return {name: _trial(name, cell, scores, outcome, labels, split, pair, gap) for name in WEIGHTS}


def _trial(
    name: str,
    cell: Cell,
    scores: PipelineScores,
    outcome: SeedOutcome,
    labels: Labels,
    split: Split,
    pair: tuple[FeatureSet, FeatureSet],
    gap: float,
) -> Trial:
    weights = WEIGHTS[name]
    m = len(split.test)
    part = scores.expected("accuracy", weights)
    alone = _differences(scores.leave_one_out, scores.Y.argmax(axis=1), weights)
    error = float(alone.std() / np.sqrt(len(alone)))
    reach = norm.ppf(0.5 + LEVEL / 2) * np.sqrt(error**2 + alone.var() / m)
    heads = {**outcome.heads, "student": outcome.students["vanilla"].head}
    features = {"teacher": pair[0], "student": pair[1], "baseline": pair[1]}
    on_test = [outcome.test_scores[{"student": "vanilla"}.get(system, system)] for system in features]
    on_pool = [heads[system].scores(found.X[split.unlabeled]) for system, found in features.items()]
    return Trial(
        cell=cell,
        seed=split.seed,
        measured=float(_differences(_as_held(on_test), labels.values[split.test], weights).mean()),
        forecast=part.value,
        error=part.quantile(LEVEL) * part.error,
        observed=part.observed(LEVEL, m),
        plain=float(alone.mean()),
        plain_error=norm.ppf(0.5 + LEVEL / 2) * error,
        plain_observed=(float(alone.mean() - reach), float(alone.mean() + reach)),
        gap=gap,
        on_pool=float(_differences(_as_held(on_pool), labels.values[split.unlabeled], weights).mean()),
    )


def _as_held(scores: list[Float]) -> HeldOut:
    return HeldOut(teacher=scores[0], student=scores[1], baseline=scores[2])


def _differences(held: HeldOut, truth: NDArray[np.int64], weights: tuple[int, int, int]) -> Float:
    systems = (held.teacher, held.student, held.baseline)
    return np.sum([w * (F.argmax(axis=1) == truth) for w, F in zip(weights, systems, strict=True)], axis=0)


def table_of(found: list[Trial]) -> list[str]:
    """Return one line of Markdown for each way of knowing."""
    cells = sorted({trial.cell for trial in found})
    measured = np.array([trial.measured for trial in found])

    def by_cell(values: Float) -> Float:
        return np.array([np.mean([v for v, t in zip(values, found, strict=True) if t.cell == cell]) for cell in cells])

    def line(name: str, values: Float, errors: Float | None, observed: Float | None) -> str:
        rho = spearmanr(by_cell(values), by_cell(measured)).statistic
        cell_error, run_error = np.abs(by_cell(values) - by_cell(measured)).mean(), np.abs(values - measured).mean()
        if errors is None or observed is None:
            return f"| {name} | {rho:.3f} | {cell_error:.4f} | {run_error:.4f} | | | |"
        inside = (observed[:, 0] <= measured) & (measured <= observed[:, 1])
        resolved = np.abs(values) > errors
        right = np.sign(values[resolved]) == np.sign(measured[resolved])
        return (
            f"| {name} | {rho:.3f} | {cell_error:.4f} | {run_error:.4f} | {_share(inside)} | "
            f"{resolved.mean():.3f} | {_share(right)} |"
        )

    columns = {
        name: np.array([getattr(t, name) for t in found]) for name in Trial.__dataclass_fields__ if name != "cell"
    }
    gap = spearmanr(by_cell(-columns["gap"]), by_cell(measured)).statistic
    return [
        "| | Spearman | error by cell | error by run | coverage | resolved | sign among resolved |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        line("forecast", columns["forecast"], columns["error"], columns["observed"]),
        line("plain leave-one-out", columns["plain"], columns["plain_error"], columns["plain_observed"]),
        f"| representation gap | {gap:.3f} | | | | | |",
        line("noise ceiling", columns["on_pool"], None, None),
    ]


def _share(hits: NDArray[np.bool_]) -> str:
    if not len(hits):
        return "none"
    exact = binomtest(int(hits.sum()), len(hits)).proportion_ci(LEVEL)
    return f"{hits.mean():.3f} [{exact.low:.3f}, {exact.high:.3f}] of {len(hits)}"


def rows_of(found: list[dict[str, Trial]]) -> Iterator[dict[str, Any]]:
    """Yield one row for each run and difference, as docs.fidelity draws them."""
    for trial in found:
        for name, run in trial.items():
            data, teacher, student, n = run.cell
            yield {
                "data": data,
                "teacher": teacher,
                "student": student,
                "n": n,
                "seed": run.seed,
                "name": name,
                "forecast": run.forecast,
                "low_observed": run.observed[0],
                "high_observed": run.observed[1],
                "plain": run.plain,
                "gap": run.gap,
                "on_pool": run.on_pool,
                "measured": run.measured,
            }


def write_rows(rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Print the tables of the parts named on the command line, the reported ones by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity")
    parser.add_argument("parts", nargs="*", default=["report", "added", "report2"], help="of cells.toml")
    parser.add_argument("--out", type=Path, metavar="FILE.csv", help="also write every run")
    asked = parser.parse_args()
    cells = tomllib.loads((Path(__file__).parent / "cells.toml").read_text(encoding="utf-8"))
    store = FeatureStore(default_cache())
    found = {part: list(trials(cells, part, store)) for part in asked.parts}
    rows = [row for part in found.values() for row in rows_of(part)]
    reported = [part for part in asked.parts if part != "development"]
    for parts in (reported[:i] for i in range(2, len(reported) + 1)):
        found[" and ".join(parts)] = [trial for part in parts for trial in found[part]]
    for part, trials_of_part in found.items():
        for name in WEIGHTS:
            chosen = [trial[name] for trial in trials_of_part]
            print(f"\n{part}: {name}, {len({t.cell for t in chosen})} cells, {len(chosen)} runs\n")
            print("\n".join(table_of(chosen)))
    if asked.out:
        write_rows(rows, asked.out)


if __name__ == "__main__":
    main()
