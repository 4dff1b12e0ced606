"""All strategies on all built-in data: ``python -m docs.strategies`` measures, and writes strategies.json and .md.

``python -m docs`` writes the page alone, from the numbers of strategies.json.
"""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from inspect import getdoc
from pathlib import Path
from typing import Any

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore, default_cache
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.experiments.run.progress import HeadProgress
from w2s_probe.experiments.run.protocol import fit_seed
from w2s_probe.pipeline.run import Run, run
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.student import StudentResult
from w2s_probe.strategies.registry import ALL, chosen_strategies, loaded

__all__ = ["strategies_page"]

HERE = Path(__file__).parent
NUMBERS = HERE / "strategies.json"
SEEDS = 5
DIGITS = 4  # decimals of accuracies


def measure() -> Iterator[dict[str, Any]]:
    """Yield the numbers of every cell of strategies.toml."""
    store = FeatureStore(default_cache())
    for cell in tomllib.loads((HERE / "strategies.toml").read_text(encoding="utf-8"))["cells"]:
        config = W2SConfig(strategies=(ALL,), seeds=SEEDS, **cell["sizes"], **cell.get("config", {}))
        data = DataConfig(data=cell["data"])
        done = run(
            data, config, teacher=cell["teacher"], student=cell["student"], store=store, options=BackboneOptions()
        )
        yield _numbers(cell, config, done)


def _numbers(cell: Mapping[str, Any], config: W2SConfig, done: Run) -> dict[str, Any]:
    result = done.result
    adjusted = {entry.strategy: entry.adjusted for entry in result.ranking or ()}
    systems = {**result.systems, **{f"teacher {name}": own for name, own in (result.teachers or {}).items()}}
    return {
        **cell,
        "seeds": list(result.seeds),
        "systems": {name: _rounded(system.scores["accuracy"]) for name, system in systems.items()},
        "students": {name: _student(student, adjusted.get(name)) for name, student in result.students.items()},
        "cost": costs(done, config),
        "skipped": dict(result.skipped or {}),
    }


def _student(student: StudentResult, adjusted: Estimate | None) -> dict[str, Any]:
    vanilla = (student.versus_vanilla or {}).get("accuracy")
    control = (student.versus_control or {}).get("accuracy")
    numbers = {
        "accuracy": student.scores["accuracy"],
        "versus_vanilla": vanilla,
        "adjusted": adjusted,
        "versus_baseline": student.versus_baseline,
        "versus_control": control,
    }
    own: dict[str, Any] = {name: _rounded(value) for name, value in numbers.items() if value is not None}
    variants = {key: _student(variant, None) for key, variant in (student.variants or {}).items()}
    return {**own, "uses_labels": student.uses_labels, **({"variants": variants} if variants else {})}


def costs(done: Run, config: W2SConfig) -> dict[str, float]:
    """Return the CPU time of each strategy on the first seed, without variants, over that of the four systems."""
    first = partial(
        fit_seed,
        done.teacher,
        done.student,
        done.labels,
        split=done.outcomes[0].split,
        more_teachers=done.more_teachers,
        links=done.links,
    )
    times = {}
    for name in done.result.students:
        clock = _Clock()
        progress = HeadProgress(clock, kind="", heads=0)
        first(config=replace(config, strategies=tuple(dict.fromkeys(("vanilla", name)))), progress=progress)
        times[name] = clock.last
        systems = clock.total - clock.last
    return {name: float(f"{seconds / systems:.2g}") for name, seconds in times.items()}


class _Clock:
    """CPU time between the calls of a progress callback: of all heads, and of the last one."""

    def __init__(self) -> None:
        self.total = self.last = 0.0
        self._begun = time.process_time()

    def __call__(self, name: str, done: int, total: int, detail: str = "", /) -> None:
        now = time.process_time()
        if detail and " fits" not in detail:
            self._begun = now
        elif not detail:
            self.last = now - self._begun
            self.total += self.last


def _rounded(estimate: Estimate) -> list[float]:
    return [round(value, DIGITS) for value in (estimate.value, estimate.low, estimate.high)]


def strategies_page(cells: list[dict[str, Any]]) -> str:
    """Return the page, as Markdown, that these numbers give.

    Parameters
    ----------
    cells : list of dict
        As in strategies.json.
    """
    names = [name for name in chosen_strategies([ALL]) if any(name in cell["students"] for cell in cells)]
    return (
        "\n\n".join([_introduction(cells), _summary(cells, names), _differences(cells, names), _variants(cells)]) + "\n"
    )


def _introduction(cells: list[dict[str, Any]]) -> str:
    return f"""# Strategies compared

`make strategies` runs `--strategy all` on every kind of built-in data, with {SEEDS} seeds each, and writes this page
and its numbers, [strategies.json](strategies.json). [strategies.toml](strategies.toml) holds the cells. Differences
are in accuracy, paired over seeds and rows. *Helped* and *hurt* need an interval that excludes 0 after it is adjusted
for the number of strategies. A strategy that neither helped nor hurt cannot be told from the plain student
(`vanilla`)."""


def _summary(cells: list[dict[str, Any]], names: list[str]) -> str:
    lines = ["## What helped", "", "| strategy | student | paper | helped | hurt | cost |", "|" + " --- |" * 6]
    for name in names:
        what, paper = _described(name)
        helped, hurt = [], []
        for cell in cells:
            change = cell["students"].get(name, {}).get("adjusted")
            if change and change[1] > 0:
                helped.append(f"{_short(cell)} {change[0]:+.3f}")
            if change and change[2] < 0:
                hurt.append(f"{_short(cell)} {change[0]:+.3f}")
        ratios = [cell["cost"][name] for cell in cells if name in cell["cost"]]
        cost = f"{min(ratios):g} to {max(ratios):g}"
        lines.append(f"| `{name}` | {what} | {paper} | {', '.join(helped)} | {', '.join(hurt)} | {cost} |")
    note = (
        "Cost is CPU time of the strategy, without its variants, over that of teacher, baseline, ceiling and plain "
        "student of the same split."
    )
    return "\n".join([*lines, "", note])


def _differences(cells: list[dict[str, Any]], names: list[str]) -> str:
    heading = " | ".join(_short(cell) for cell in cells)
    lines = ["## Student minus plain student", "", f"| | {heading} |", "|" + " --- |" * (1 + len(cells))]
    for system in ("teacher", "vanilla", "baseline", "ceiling"):
        values = [(cell["systems"].get(system) or cell["students"][system]["accuracy"])[0] for cell in cells]
        lines.append(f"| *accuracy of {system}* | {' | '.join(f'{value:.3f}' for value in values)} |")
    for name in [name for name in names if name != "vanilla"]:
        labels = any(cell["students"].get(name, {}).get("uses_labels") for cell in cells)
        shown = [_shown(cell["students"].get(name), "adjusted") for cell in cells]
        lines.append(f"| `{name}`{' (labels)' if labels else ''} | {' | '.join(shown)} |")
    baseline = "Strategies marked (labels) are also trained on the labels: compare them with the baseline."
    reasons = [
        f"- {_short(cell)}: `{name}`: {reason}" for cell in cells for name, reason in cell["skipped"].items() if reason
    ]
    bold = "Bold: the interval, adjusted for the number of strategies, excludes 0. A dash: it does not apply."
    return "\n".join([*lines, "", f"{bold} {baseline}", *(["", "Not applicable:", "", *reasons] if reasons else [])])


def _variants(cells: list[dict[str, Any]]) -> str:
    heading = " | ".join(_short(cell) for cell in cells)
    lines = ["## Other settings", "", f"| | {heading} |", "|" + " --- |" * (1 + len(cells))]
    keys: dict[tuple[str, str], None] = {}
    for cell in cells:
        for name, student in cell["students"].items():
            keys |= dict.fromkeys((name, key) for key in student.get("variants", {}))
    for name, key in keys:
        variants = [cell["students"].get(name, {}).get("variants", {}).get(key) for cell in cells]
        shown = " | ".join(_shown(variant, "versus_vanilla") for variant in variants)
        lines.append(f"| `{name}` {key} | {shown} |")
    return "\n".join([*lines, "", "Bold: the interval, not adjusted, excludes 0."])


def _shown(student: Mapping[str, Any] | None, key: str) -> str:
    change = (student or {}).get(key)
    if not change:
        return "–"
    text = f"{change[0]:+.3f}"
    return f"**{text}**" if change[1] > 0 or change[2] < 0 else text


def _short(cell: Mapping[str, Any]) -> str:
    return str(cell["data"]).removeprefix("builtin:")


def _described(name: str) -> tuple[str, str]:
    """Return what a strategy's student is, from the first sentence of its docstring, and its first paper."""
    text = getdoc(loaded(name)[1]) or ""
    what = text.partition("\n\n")[0].replace("\n", " ").removeprefix("Return ").rstrip(".")
    what = re.sub(r":math:`([^`]*)`", r"`\1`", what)
    _, mark, paper = text.partition(".. [1] ")
    return what, " ".join(paper.partition(".. [2]")[0].split()).rstrip(".") if mark else ""


if __name__ == "__main__":
    measured = []
    for numbers in measure():
        measured.append(numbers)
        NUMBERS.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    (HERE / "strategies.md").write_text(strategies_page(measured), encoding="utf-8")
