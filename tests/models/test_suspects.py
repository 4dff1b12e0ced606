"""Suspects on real mails: without any group label, the minority that contradicts the HTML shortcut comes up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.fit_options import Head
from w2s_probe.core.labels import Labels, read_labels
from w2s_probe.core.splits import Split
from w2s_probe.datasets import open_data
from w2s_probe.experiments.suspects import find_suspects, judge_suspects, name_clusters, over_seeds
from w2s_probe.pipeline.data import open_rows
from w2s_probe.pipeline.embed import fetch
from w2s_probe.results.suspects import Suspects, SuspectsOverSeeds

pytestmark = [pytest.mark.models, pytest.mark.slow, pytest.mark.xdist_group("mails")]  # one worker embeds them

Flags = NDArray[np.bool_]
PAIR = ("packaged:wordllama", "packaged:minilm-l6")
SEEDS = 10
MAILS = {True: 330, False: 800}  # most mails of each label, conflicting or not
PARTS = {"labeled": (200, 0.05), "unlabeled": (1000, 0.20), "test": (240, 0.5)}  # rows, share of conflicting ones


@dataclass(frozen=True, kw_only=True)
class Mails:
    """Features, labels and texts of distinct mails, and which of them contradict the shortcut."""

    teacher: FeatureSet
    student: FeatureSet
    labels: Labels
    conflicting: Flags
    texts: list[str]


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Mails:
    """Return some distinct mails, so that they are embedded in a minute."""
    folder = tmp_path_factory.mktemp("mails")
    table = open_data(DataConfig(data="builtin:spam", group="html"))
    frame = pl.DataFrame({"text": table.items, "label": table.label, "html": table.group}).unique(
        "text", maintain_order=True
    )
    frame = frame.sample(fraction=1, shuffle=True, seed=0).with_columns(
        conflicting=(pl.col("html") == "yes") != (pl.col("label") == "spam")
    )
    some = pl.when("conflicting").then(MAILS[True]).otherwise(MAILS[False])
    frame = frame.filter(pl.int_range(pl.len()).over("label", "conflicting") < some)
    frame.write_csv(folder / "mails.csv")
    store = FeatureStore(folder / "cache")
    opened = open_rows(DataConfig(data=str(folder / "mails.csv"), text="text"), PAIR, store, BackboneOptions())
    features, _ = fetch(opened, store)
    return Mails(
        teacher=features[PAIR[0]],
        student=features[PAIR[1]],
        labels=read_labels(frame["label"].to_list(), name="label", task="classification"),
        conflicting=frame["conflicting"].to_numpy(),
        texts=frame["text"].to_list(),
    )


def imbalanced_split(mails: Mails, seed: int) -> Split:
    """Return parts of equally many spam and ham, with each part's share of conflicting rows in both."""
    rng = np.random.default_rng(seed)
    parts: dict[str, list[NDArray[np.intp]]] = {name: [] for name in PARTS}
    for label in range(2):
        for conflicting in (False, True):
            left = rng.permutation(np.flatnonzero((mails.labels.values == label) & (mails.conflicting == conflicting)))
            for name, (size, eta) in PARTS.items():
                some = round(size / 2 * (eta if conflicting else 1 - eta))
                parts[name].append(left[:some])
                left = left[some:]
    mixed = {name: rng.permutation(np.concatenate(rows)) for name, rows in parts.items()}
    assert {name: len(rows) for name, rows in mixed.items()} == {name: size for name, (size, _) in PARTS.items()}
    return Split(**mixed, seed=seed)


def search(mails: Mails, head: Head) -> tuple[SuspectsOverSeeds, Suspects]:
    """Return what the suspects of all seeds are, and the first seed's by name."""
    judged, named = [], []
    for seed in range(SEEDS):
        split = imbalanced_split(mails, seed)
        found, ranked = find_suspects(
            mails.teacher, mails.student, mails.labels, split=split, config=W2SConfig(head=head)
        )
        pool = split.unlabeled
        wrong = ranked.student != mails.labels.values[pool]
        judged.append(judge_suspects(ranked, minority=mails.conflicting[pool], wrong=wrong))
        named.append(name_clusters(found, ranked, mails.texts))
    return over_seeds(judged), named[0]


@pytest.mark.parametrize("head", ["softmax", "ridge"])
def test_the_tenth_ranked_worst_holds_about_twice_the_minoritys_share(mails: Mails, head: Head) -> None:
    over, first = search(mails, head)
    assert (over.seeds, over.unresolved) == (SEEDS, 0)
    assert over.base_rate == pytest.approx(0.2)
    assert over.rows.value > 1.8
    assert over.rows.low > 1.6
    assert over.rows.value > over.clusters.value  # the reason to rank rows first, and to cluster them then
    assert over.suspected_error > 3 * over.pool_error
    assert over.auc > 0.75
    assert sum(cluster.size for cluster in first.clusters) == first.suspected == 100
    for cluster in (*first.clusters, *first.pool_clusters):
        assert cluster.words
        assert all(example.text for example in cluster.examples)
