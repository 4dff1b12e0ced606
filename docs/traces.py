"""Traces over a ladder of teachers: ``python -m docs.traces`` measures, and writes traces.json and traces.md.

``python -m docs`` writes the page alone, from the numbers of traces.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore, default_cache
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.pipeline.run import Run, run
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.student import StudentResult

__all__ = ["traces_page"]

HERE = Path(__file__).parent
NUMBERS = HERE / "traces.json"
DATA, STUDENT = "builtin:vader-movie", "packaged:minilm-l6"
SIZES: dict[str, Any] = {"n_labeled": 400, "n_unlabeled": 3000, "n_test": 2000, "seeds": 10}
FLAGS = {"-n": "n_labeled", "-N": "n_unlabeled", "--n-test": "n_test", "--seeds": "seeds"}
LADDER = {  # teacher: type, transformer layers
    "classic:hashing-256": ("hashing", 0),
    "classic:hashing-512": ("hashing", 0),
    "packaged:wordllama": ("wordllama", 0),
    **{f"packaged:minilm-l6@{layers}": ("MiniLM", layers) for layers in range(4)},
}
DIGITS = 4
ARMS = ("hard", "soft", "votes", "bagged", "random", "P", "N")
EXPLAINED = ("hard", "soft", "bagged", "P", "N")


def measure() -> Iterator[dict[str, Any]]:
    """Yield the numbers of every teacher of the ladder."""
    store = FeatureStore(default_cache())
    config = W2SConfig(head="softmax", strategies=("vanilla", "traces", "oracle_traces"), **SIZES)
    for teacher, (kind, layers) in LADDER.items():
        done = run(
            DataConfig(data=DATA),
            config,
            teacher=teacher,
            student=STUDENT,
            store=store,
            options=BackboneOptions(),
        )
        yield {"teacher": teacher, "type": kind, "layers": layers, **_numbers(done)}


def _numbers(done: Run) -> dict[str, Any]:
    students = done.result.students
    arms = {"soft": students["traces"], "P": students["oracle_traces"]}
    for owner in ("traces", "oracle_traces"):
        variants = students[owner].variants or {}
        arms |= {key.removeprefix("arm="): student for key, student in variants.items()}
    return {
        "dim": done.teacher.X.shape[1],
        "systems": {name: _rounded(system.scores["accuracy"]) for name, system in done.result.systems.items()},
        "arms": {arm: _arm(arms[arm]) for arm in ARMS},
    }


def _arm(student: StudentResult) -> dict[str, Any]:
    versus = (student.versus_control or {}).get("accuracy") or (student.versus_rivals or {}).get("traces/arm=hard")
    return {
        "accuracy": _rounded(student.scores["accuracy"]),
        "rgr": None if student.rgr is None else _rounded(student.rgr),
        **({} if versus is None else {"versus": _rounded(versus)}),
    }


def _rounded(estimate: Estimate) -> list[float]:
    return [round(value, DIGITS) for value in (estimate.value, estimate.low, estimate.high)]


def explained(columns: Sequence[Sequence[float]], values: Sequence[float]) -> float:
    """Return the share of the variance of `values` that a least-squares fit of columns and a constant explains.

    Parameters
    ----------
    columns : sequence of sequences of float
        Properties of the teachers, one number for each teacher.
    values : sequence of float
        RGR of each teacher.

    Examples
    --------
    >>> round(explained([[1, 2, 3, 4]], [1, 3, 2, 4]), 2)
    0.64
    """
    A, y = np.column_stack([np.ones(len(values)), *columns]), np.asarray(values, dtype=np.float64)
    residual = y - A @ np.linalg.lstsq(A, y, rcond=None)[0]
    return float(1 - residual @ residual / ((y - y.mean()) @ (y - y.mean())))


def traces_page(cells: list[dict[str, Any]]) -> str:
    """Return the page, as Markdown, that these numbers give.

    Parameters
    ----------
    cells : list of dict
        As in traces.json.
    """
    return "\n\n".join([_introduction(), _table(cells), _differences(cells), _explanation(cells), _paper(cells)]) + "\n"


def _introduction() -> str:
    sizes = " ".join(f"{flag} {SIZES[key]}" for flag, key in FLAGS.items())
    command = (
        f"w2s-probe run {DATA} --teacher packaged:wordllama --student {STUDENT} {sizes} --head softmax "
        "--strategy vanilla,traces,oracle_traces"
    )
    return f"""# Traces: is a richer label a better label?

Yuan et al. (2025, arXiv 2505.20072, W2SR) train a strong model on the *reasoning* of a weak one. They find that this
recovers about 94 % of the gain of reinforcement learning, and that the quality of the reasoning matters more than the
weak model's accuracy. On frozen features the strategy `traces` asks the same question: is what a teacher says beyond
its decision worth learning? `oracle_traces` asks what correct rows are worth. `make traces` writes this page and its
numbers, [traces.json](traces.json). One line of the table is

```
{command}
```

| arm | the student learns |
| --- | --- |
| hard | the teacher's decisions |
| soft | its probabilities |
| votes, bagged | the vote shares, or the mean probabilities, of 10 heads on bootstrap draws of the labeled rows |
| random | its decisions on random rows, as many as it is expected to label right by its held-out accuracy |
| P, N | its decisions on the rows that it labels right, or wrong (oracles: they read the pool's labels) |

RGR is the share recovered of the gap between an untrained student, which always decides the majority class of the
labeled rows, and the ceiling. With two classes N is label inversion: its student learns the opposite of the truth, and
its RGR is negative where that is learned well."""


def _table(cells: list[dict[str, Any]]) -> str:
    lines = ["## RGR", "", f"| teacher | accuracy | {' | '.join(ARMS)} |", "|" + " --- |" * (2 + len(ARMS))]
    for cell in cells:
        values = " | ".join(_interval(cell["arms"][arm]["rgr"], ".2f") for arm in ARMS)
        lines.append(f"| {cell['teacher']} | {cell['systems']['teacher'][0]:.3f} | {values} |")
    return "\n".join(lines)


def _differences(cells: list[dict[str, Any]]) -> str:
    arms = [arm for arm in ARMS if arm != "hard"]
    lines = ["## Differences in accuracy", "", f"| teacher | {' | '.join(arms)} |", "|" + " --- |" * (1 + len(arms))]
    for cell in cells:
        values = " | ".join(_interval(cell["arms"][arm].get("versus"), "+.3f") for arm in arms)
        lines.append(f"| {cell['teacher']} | {values} |")
    note = (
        "Against hard labels of all rows; P and N against as many random rows of each of the teacher's classes. Bold: "
        "the interval excludes 0."
    )
    return "\n".join([*lines, "", note])


def _explanation(cells: list[dict[str, Any]]) -> str:
    kinds = list(dict.fromkeys(cell["type"] for cell in cells))
    accuracy = [cell["systems"]["teacher"][0] for cell in cells]
    kind = [[float(cell["type"] == name) for cell in cells] for name in kinds[1:]]
    properties = {
        "accuracy": [accuracy],
        "type": kind,
        "width": [[cell["dim"] for cell in cells]],
        "layers": [[cell["layers"] for cell in cells]],
        "accuracy and type": [accuracy, *kind],
    }
    lines = [
        *("## What accuracy, type and size explain", ""),
        f"| share of the variance of RGR explained by | {' | '.join(properties)} |",
        "|" + " --- |" * (1 + len(properties)),
    ]
    for arm in EXPLAINED:
        values = [cell["arms"][arm]["rgr"][0] for cell in cells]
        shares = [f"{explained(columns, values):.2f}" for columns in properties.values()]
        lines.append(f"| {arm} | {' | '.join(shares)} |")
    chance = [f"{len(columns) / (len(cells) - 1):.2f}" for columns in properties.values()]
    lines.append(f"| *by chance* | {' | '.join(chance)} |")
    widths = {name: sorted({cell["dim"] for cell in cells if cell["type"] == name}) for name in kinds}
    shown = ", ".join(f"{name} {' or '.join(map(str, dims))}" for name, dims in widths.items())
    note = (
        f"Least squares over {len(cells)} teachers of {len(kinds)} types; type is {len(kinds) - 1} indicators, width "
        f"the number of features ({shown}), layers the transformer layers of a MiniLM exit. {len(cells)} points cannot "
        "tell these properties apart: better types are more accurate, and width and layers each differ within one type "
        "only. The last row has the shares that random properties would explain on average."
    )
    return "\n".join([*lines, "", note])


def _paper(cells: list[dict[str, Any]]) -> str:
    trace = {cell["teacher"]: cell["arms"]["soft"]["versus"] for cell in cells}
    best, worst = max(trace, key=lambda name: trace[name][0]), min(trace, key=lambda name: trace[name][0])
    rows = {arm: [cell["arms"][arm]["rgr"][0] for cell in cells] for arm in ("hard", "P", "N")}
    signs = {arm: [cell["arms"][arm]["versus"] for cell in cells] for arm in ("P", "N")}
    above, below = sum(low > 0 for _, low, _ in signs["P"]), sum(high < 0 for _, _, high in signs["N"])
    return f"""## Beside the paper

- **A richer trace changes little.** Soft minus hard labels lies between {trace[worst][0]:+.3f} ({worst}) and
  {trace[best][0]:+.3f} ({best}) in accuracy. An earlier measurement on the same data found at most +.007 for decent
  teachers, and a loss for the poorest.
- **The correctness of rows decides.** P recovers {min(rows["P"]):.2f} to {max(rows["P"]):.2f} of the gap, hard labels
  of all rows {min(rows["hard"]):.2f} to {max(rows["hard"]):.2f}. P is above random rows of its size for {above} of
  {len(cells)} teachers, N below them for {below} of {len(cells)}. The paper finds the opposite: also traces that end
  in a wrong answer teach.
- **A likely reason.** A ridge head cannot use a trace at all: the student of K outputs side by side, averaged, is the
  student of their mean. A softmax head can, a little. A linear head on frozen features learns only where its boundary
  lies, and a wrong label pulls it to the wrong side. A language model that is tuned on a text of many right steps can
  learn from them also if the last one is wrong. That needs texts and a generative student.
- **Reasoning texts** can be judged on frozen features: see [your own data](own-data.md#reasoning-data)."""


def _interval(values: Sequence[float] | None, form: str) -> str:
    """Return a value with its interval, bold if a signed one excludes 0; a dash for none."""
    if values is None:
        return "–"
    value, low, high = (format(number, form) for number in values)
    text = f"{value} [{low}, {high}]"
    return f"**{text}**" if form.startswith("+") and not values[1] <= 0 <= values[2] else text


if __name__ == "__main__":
    measured: list[Mapping[str, Any]] = []
    for numbers in measure():
        measured.append(numbers)
        NUMBERS.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    (HERE / "traces.md").write_text(traces_page(json.loads(NUMBERS.read_text(encoding="utf-8"))), encoding="utf-8")
