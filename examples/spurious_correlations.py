"""Two shortcuts that a teacher takes: one failure that retraining repairs, and one that stays.

Labels in which a shortcut nearly always holds teach it: mails that are HTML are called spam, reviews of
products negative. The strong student, which sees the teacher's labels only, inherits it. Retraining the
student on the pseudolabels it is surest of (Liu, Dong and Lei 2026) helps where its confidence knows better than
its teacher, and not where the labels it was given show no difference between shortcut and label. Needs the
extras text and demo; the first run embeds about 3,000 texts:

    python examples/spurious_correlations.py
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from w2s_probe import BackboneOptions, DataConfig, FeatureStore, W2SConfig, run
from w2s_probe.cache import default_cache
from w2s_probe.datasets import open_data
from w2s_probe.report.numbers import estimate_text


@dataclass(frozen=True)
class Story:
    """A data set, the attribute that goes with its label, its usual values, and how rarely the pool's conflict."""

    data: str
    group: str
    cue: dict[str, str]  # named, since the cells of a thinned table are equally large
    eta_unlabeled: float
    told: str


STORIES = (
    Story("builtin:spam", "html", {"spam": "yes", "ham": "no"}, 0.2, "HTML as a sign of spam"),
    Story(
        "builtin:vader-movie+product",
        "domain",
        {"negative": "movie", "positive": "product"},
        0.5,
        "a film as a sign of a bad mood",
    ),
)


def main() -> None:
    """Print both stories."""
    with TemporaryDirectory() as folder:
        for story in STORIES:
            table = thinned(story, Path(folder) / "table.csv")
            tell(story, table)


def thinned(story: Story, path: Path, *, rows: int = 520) -> Path:
    """Write at most so many rows of each cell of label and attribute, for a short example."""
    data = open_data(DataConfig(data=story.data, group=story.group))
    texts, labels, groups = ([str(value) for value in column or ()] for column in (data.items, data.label, data.group))
    cells = np.array([f"{label}|{group}" for label, group in zip(labels, groups, strict=True)])
    order = np.random.default_rng(0).permutation(len(cells))
    kept = np.sort(np.concatenate([order[cells[order] == cell][:rows] for cell in np.unique(cells)]))
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(("text", "label", story.group))
        writer.writerows((texts[row], labels[row], groups[row]) for row in kept)
    return path


def tell(story: Story, table: Path) -> None:
    """Measure the failure and the remedy, and print them."""
    result = run(
        DataConfig(data=str(table), text="text", group=story.group),
        W2SConfig(
            n_labeled=200,
            n_unlabeled=600,
            n_test=240,
            seeds=10,
            head="softmax",
            strategies=("vanilla", "high_confidence"),
            cue=story.cue,
            eta_labeled=0.05,
            eta_unlabeled=story.eta_unlabeled,
            eta_test=0.5,
            balance_classes=True,
        ),
        teacher="packaged:wordllama",
        student="packaged:minilm-l6",
        store=FeatureStore(default_cache()),
        options=BackboneOptions(),
    ).result
    remedy = result.students["high_confidence"]
    systems = {**result.systems, **result.students}
    if remedy.control is not None:
        systems["random control"] = remedy.control
    print(f"{story.told}: 5 % of the labels conflict, {story.eta_unlabeled:.0%} of the pool, half of the test rows")
    for name, found in systems.items():
        worst = found.worst_group_accuracy
        said = f"{worst.value:.3f} ({worst.group})" if worst else ""
        print(f"  {name:15} {estimate_text(found.scores['accuracy'])}  worst group {said}")
    kept = remedy.selection
    print(f"  kept: {kept.label_precision:.0%} of the labels true, {kept.conflicting or 0:.0%} conflicting")
    for note in result.notes:
        print(f"  {note}")
    print(f"  what to do: {result.verdict.recommend.replace('_', ' ')}\n")


if __name__ == "__main__":
    main()
