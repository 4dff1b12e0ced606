"""What fine-tunes find of what frozen features foretold: ``make fidelity-finetune``; cells fixed beforehand.

For every cell of ``finetune.toml`` and every seed, weak-to-strong is forecast from the labeled rows and the pool, then
measured on frozen features, then with the weights of the student trained. A cell in docs/fidelity-finetune.json of the
same sizes and the same revision of the training is not run again. A stopped one goes on at its last checkpoint, in
build/fidelity-finetune.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, spearmanr

from tests.fidelity.__main__ import Trial, one_trial
from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore, default_cache
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.finetune_config import FinetuneConfig
from w2s_probe.linalg.threads import shared_threads

Float = NDArray[np.float64]
ROOT = Path(__file__).parents[2]
CELLS = Path(__file__).with_name("finetune.toml")
STATE = ROOT / "build" / "fidelity-finetune"
NUMBERS = ROOT / "docs" / "fidelity-finetune.json"
DIFFERENCES = ("gain", "student - baseline")
LEVEL, RESAMPLES = 0.95, 10_000


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One pair on one data set.

    Parameters
    ----------
    data, teacher, student : str
        Built-in data and backbones.
    lr : float or None
        Learning rate; None is the default.
    """

    data: str
    teacher: str
    student: str
    lr: float | None = None


def registered(text: str) -> tuple[dict[str, Any], list[Cell]]:
    """Return the sizes that all cells share, and the cells."""
    table = tomllib.loads(text)
    cells = [
        Cell(data=group["data"], teacher=teacher, student=student, lr=group.get("lr"))
        for group in table.pop("cells")
        for teacher, student in group["pairs"]
    ]
    return table, cells


def measured(cell: Cell, sizes: Mapping[str, Any], *, state: Path) -> dict[str, Any]:
    """Return forecast, frozen and fine-tuned accuracies of each seed."""
    from w2s_probe.finetune.run import Finetuned, run_finetune

    parts = {name: sizes[name] for name in ("n_labeled", "n_unlabeled", "n_test", "seeds")}
    config = W2SConfig(head="softmax", **parts)
    with shared_threads(1):
        done: Finetuned = run_finetune(
            DataConfig(data=cell.data),
            config,
            FinetuneConfig(epochs=sizes["epochs"], lr=cell.lr),
            teacher=cell.teacher,
            student=cell.student,
            store=FeatureStore(default_cache()),
            options=BackboneOptions(threads=1),
            folder=state / "fits",
        )
        return {"cell": asdict(cell), "seeds": list(_seeds(done, config))}


def _seeds(done: Any, config: W2SConfig) -> Iterator[dict[str, Any]]:
    """Yield the numbers of each seed: forecasts on ridge heads, accuracies on frozen features and fine-tuned."""
    frozen, ridge = done.frozen, replace(config, head="ridge", scale="none", student_alpha="gcv", alphas=33)
    for outcome in done.outcomes:
        truth = frozen.labels.values[outcome.split.test]
        right = {name: float((scores.argmax(axis=1) == truth).mean()) for name, scores in outcome.test_scores.items()}
        trials: dict[str, Trial] = one_trial(
            (frozen.teacher, frozen.student), frozen.labels, outcome.split, ridge, cell=("", "", "", 0)
        )
        yield {
            "seed": outcome.split.seed,
            "forecast": {name: trial.forecast for name, trial in trials.items()},
            "error": {name: trial.error for name, trial in trials.items()},
            "accuracy": {
                name: right[name]
                for name in ("teacher", "vanilla", "baseline", "ceiling", "finetuned", "finetuned_baseline")
            },
        }


def differences(seed: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return gain and student minus baseline of one seed: forecast, frozen, fine-tuned."""
    accuracy = seed["accuracy"]
    pairs = {
        "frozen": (("vanilla", "teacher"), ("vanilla", "baseline")),
        "fine-tuned": (("finetuned", "teacher"), ("finetuned", "finetuned_baseline")),
    }
    of_kind = {
        kind: dict(zip(DIFFERENCES, (accuracy[a] - accuracy[b] for a, b in both), strict=True))
        for kind, both in pairs.items()
    }
    return {"forecast": dict(seed["forecast"]), **of_kind}


def report(found: list[dict[str, Any]]) -> list[str]:
    """Return the tables as lines of Markdown: every cell, then how well each knew what the fine-tune found."""
    lines = []
    for name in DIFFERENCES:
        lines += [f"### {name[0].upper()}{name[1:]}", "", *_cells(found, name), "", *_summary(found, name), ""]
    return lines


def _cells(found: list[dict[str, Any]], name: str) -> list[str]:
    lines = ["| data | teacher | student | forecast | frozen | fine-tuned |", "| --- | --- | --- | --- | --- | --- |"]
    for cell in found:
        where, means = cell["cell"], _means(cell, name)
        data = where["data"].removeprefix("builtin:") + (f", lr {where['lr']:g}" if where["lr"] else "")
        backbones = [where[key].removeprefix("packaged:").removeprefix("classic:") for key in ("teacher", "student")]
        numbers = [f"{means[kind]:+.3f}" for kind in ("forecast", "frozen", "fine-tuned")]
        lines.append(f"| {' | '.join([data, *backbones, *numbers])} |")
    return lines


def _means(cell: Mapping[str, Any], name: str) -> dict[str, float]:
    seeds = [differences(seed) for seed in cell["seeds"]]
    return {kind: float(np.mean([seed[kind][name] for seed in seeds])) for kind in seeds[0]}


def _summary(found: list[dict[str, Any]], name: str) -> list[str]:
    lines = [
        "| | Spearman | mean absolute error | sign among resolved |",
        "| --- | --- | --- | --- |",
    ]
    means = [_means(cell, name) for cell in found]
    pairs = np.unique(
        [[cell["cell"][key] for key in ("data", "teacher", "student")] for cell in found], axis=0, return_inverse=True
    )[1]
    tuned = np.array([mean["fine-tuned"] for mean in means])
    for kind in ("forecast", "frozen"):
        values = np.array([mean[kind] for mean in means])
        resolved = _resolved(found, name, kind)
        right = np.sign(values[resolved]) == np.sign(tuned[resolved])
        rank = _interval(values, tuned, pairs, lambda a, b: float(spearmanr(a, b).statistic))
        error = _interval(values, tuned, pairs, lambda a, b: float(np.abs(a - b).mean()))
        lines.append(f"| {kind} | {rank} | {error} | {_share(right)} |")
    return lines


def _resolved(found: list[dict[str, Any]], name: str, kind: str) -> NDArray[np.bool_]:
    """Return the cells whose mean difference over seeds is more than two of its standard errors away from 0."""
    flags = []
    for cell in found:
        values = np.array([differences(seed)[kind][name] for seed in cell["seeds"]])
        own = np.array([seed["error"][name] for seed in cell["seeds"]]) / 2
        error = np.sqrt((own**2).mean() / len(own)) if kind == "forecast" else values.std(ddof=1) / np.sqrt(len(own))
        flags.append(abs(values.mean()) > 2 * error)
    return np.array(flags)


def _interval(values: Float, tuned: Float, pairs: NDArray[np.intp], statistic: Any) -> str:
    """Return a statistic over cells, with its interval over resampled pairs; `pairs` numbers the pair of each cell."""
    rng, cells = np.random.default_rng(0), [np.flatnonzero(pairs == pair) for pair in range(pairs.max() + 1)]
    chosen = [rng.integers(len(cells), size=len(cells)) for _ in range(RESAMPLES)]
    drawn = [np.concatenate([cells[pair] for pair in of_draw]) for of_draw in chosen]
    spread = [statistic(values[rows], tuned[rows]) for rows in drawn if len(set(rows.tolist())) > 2]
    low, high = np.nanquantile(spread, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return f"{statistic(values, tuned):.3f} [{low:.3f}, {high:.3f}]"


def _share(hits: NDArray[np.bool_]) -> str:
    if not len(hits):
        return "none"
    exact = binomtest(int(hits.sum()), len(hits)).proportion_ci(LEVEL)
    return f"{hits.mean():.2f} [{exact.low:.2f}, {exact.high:.2f}] of {len(hits)}"


def known(shared: Mapping[str, Any], cells: list[Cell]) -> dict[Cell, dict[str, Any]]:
    """Return the numbers of cells that were measured before with the same sizes and revision."""
    stored = json.loads(NUMBERS.read_text(encoding="utf-8")) if NUMBERS.is_file() else {}
    if any(stored.get(key) != value for key, value in shared.items()):
        return {}
    by_cell = {Cell(**numbers["cell"]): numbers for numbers in stored["cells"]}
    return {cell: by_cell[cell] for cell in cells if cell in by_cell}


def main() -> None:
    """Measure every cell, write docs/fidelity-finetune.json, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity.finetune")
    parser.add_argument("--jobs", type=int, default=2, help="cells at the same time")
    asked = parser.parse_args()
    from w2s_probe.finetune.fitting import REVISION  # needs torch, which the tests of the page do without

    sizes, cells = registered(CELLS.read_text(encoding="utf-8"))
    shared = {"sizes": sizes, "revision": REVISION}
    found = known(shared, cells)
    work = partial(measured, sizes=sizes, state=STATE)
    missing = sorted((cell for cell in cells if cell not in found), key=lambda cell: "digits" in cell.data)  # slowest
    with get_context("spawn").Pool(asked.jobs, maxtasksperchild=1) as pool:
        for numbers in pool.imap_unordered(work, missing):
            cell = Cell(**numbers["cell"])
            found[cell] = numbers
            print(f"  {cell.data} {cell.teacher} {cell.student} done", file=sys.stderr, flush=True)
            ordered = [found[cell] for cell in cells if cell in found]
            NUMBERS.write_text(json.dumps({**shared, "cells": ordered}, indent=1) + "\n", encoding="utf-8")
    print("\n".join(report([found[cell] for cell in cells])))


if __name__ == "__main__":
    main()
