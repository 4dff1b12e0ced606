"""Two shortcuts that a teacher learns: retraining helps against the first, not against the second.

In the labels of the teacher a shortcut is nearly always right: HTML mails are spam, reviews of products are
positive. The student learns the shortcut from its teacher's pseudolabels. Retraining the student on the
pseudolabels it is most confident about (Liu, Dong and Lei 2026) raises the accuracy of the worst group where the
student's confidence separates right from wrong pseudolabels. It does not where nothing in labels and pool
separates the shortcut from the label. Needs the extras text and demo; the first run embeds about 3,000 texts:

    python examples/spurious_correlations.py
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from w2s_probe import DataConfig, W2SConfig, W2SResult, open_data, run


@dataclass(frozen=True)
class Shortcut:
    """A data set with a group column, and the usual value of this column for each label."""

    title: str
    data: str
    group: str
    usual: dict[str, str]  # named here: a table with equally large groups does not show it
    eta_unlabeled: float  # fraction of the pool that conflicts with the usual value


SHORTCUTS = (
    Shortcut("HTML as a sign of spam", "builtin:spam", "html", {"spam": "yes", "ham": "no"}, 0.2),
    Shortcut(
        "a film review as a sign of a negative sentence",
        "builtin:vader-movie+product",
        "domain",
        {"negative": "movie", "positive": "product"},
        0.5,
    ),
)


def main() -> None:
    """Print the accuracies of both shortcuts."""
    with TemporaryDirectory() as folder:
        for shortcut in SHORTCUTS:
            table = write_part(shortcut, Path(folder) / "table.csv")
            report(shortcut, measure(shortcut, table))


def write_part(shortcut: Shortcut, path: Path, *, rows: int = 520) -> Path:
    """Write at most `rows` rows of each pair of label and group value: the example stays short."""
    data = open_data(DataConfig(data=shortcut.data, group=shortcut.group))
    texts, labels, groups = ([str(value) for value in column or ()] for column in (data.items, data.label, data.group))
    cells = np.array([f"{label}|{group}" for label, group in zip(labels, groups, strict=True)])
    order = np.random.default_rng(0).permutation(len(cells))
    chosen = np.sort(np.concatenate([order[cells[order] == cell][:rows] for cell in np.unique(cells)]))
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(("text", "label", shortcut.group))
        writer.writerows((texts[row], labels[row], groups[row]) for row in chosen)
    return path


def measure(shortcut: Shortcut, table: Path) -> W2SResult:
    """Return the result of the plain student and of the retrained one."""
    return run(
        DataConfig(data=str(table), text="text", group=shortcut.group),
        W2SConfig(
            n_labeled=200,
            n_unlabeled=600,
            n_test=240,
            seeds=10,
            head="softmax",
            strategies=("vanilla", "high_confidence"),
            cue=shortcut.usual,
            eta_labeled=0.05,
            eta_unlabeled=shortcut.eta_unlabeled,
            eta_test=0.5,
            balance_classes=True,
        ),
        teacher="packaged:wordllama",
        student="packaged:minilm-l6",
    ).result


def report(shortcut: Shortcut, result: W2SResult) -> None:
    """Print the accuracy of each system, of its worst group, and the notes of the run."""
    retrained = result.students["high_confidence"]
    systems = {**result.systems, **result.students}
    if retrained.control is not None:
        systems["random control"] = retrained.control
    print(
        f"{shortcut.title}. Conflicting rows: 5% of the labels, {shortcut.eta_unlabeled:.0%} of the pool, 50% of test"
    )
    for name, system in systems.items():
        accuracy, worst = system.scores["accuracy"], system.worst_group_accuracy
        of_worst = f"worst group {worst.value:.3f} ({worst.group})" if worst else ""
        print(f"  {name:15} {accuracy.value:.3f} [{accuracy.low:.3f}, {accuracy.high:.3f}]  {of_worst}")
    selection = retrained.selection
    print(f"  kept pseudolabels: {selection.label_precision:.0%} true, {selection.conflicting or 0:.0%} conflicting")
    for note in result.notes:
        print(f"  {note}")
    print(f"  recommendation: {result.verdict.recommend.replace('_', ' ')}\n")


if __name__ == "__main__":
    main()
