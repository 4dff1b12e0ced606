"""Clusters named by texts that nobody should trust."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.experiments.suspects.planted import planted
from w2s_probe.core.config import W2SConfig
from w2s_probe.experiments.suspects import RankedPool, find_suspects, name_clusters
from w2s_probe.experiments.suspects.naming import distinctive_words
from w2s_probe.results.suspects import Suspects


@pytest.fixture(scope="module")
def searched() -> tuple[Suspects, RankedPool]:
    data = planted()
    return find_suspects(data.teacher, data.student, data.labels, split=data.split, config=W2SConfig())


def test_words_of_a_cluster_name_it_and_come_with_their_shares(searched: tuple[Suspects, RankedPool]) -> None:
    found, ranked = searched
    rng = np.random.default_rng(0)
    texts = [f"the {['of', 'and', 'to', 'in'][rng.integers(4)]} number 12345" for _ in range(1200)]
    own = ranked.rows[ranked.suspects[ranked.suspect_clusters.number == 1]]
    for row in own:
        texts[row] += " Unsubscribe unsubscribe"
    named = name_clusters(found, ranked, texts)
    (word,) = named.clusters[1].words or ()
    assert (word.word, word.share, word.elsewhere) == ("unsubscribe", 1.0, 0.0)
    assert [example.text for example in named.clusters[1].examples] == [
        texts[example.row] for example in named.clusters[1].examples
    ]
    assert named.pool_clusters[0].words is not None
    assert all("unsubscribe" not in {word.word for word in cluster.words or ()} for cluster in named.clusters[2:])


def test_what_is_shown_is_short_and_obeyed_by_no_terminal(searched: tuple[Suspects, RankedPool]) -> None:
    found, ranked = searched
    texts = ["calm"] * 1200
    for row in ranked.rows[ranked.suspects]:
        texts[row] = "\x1b[2J\u202e<script>\n\nalert(1)</script> " + "x" * 5000 + " 漢字" * 500
    named = name_clusters(found, ranked, texts)
    lines = [example.text or "" for cluster in named.clusters for example in cluster.examples]
    assert all(len(line) <= 160 and line.startswith("\\x1b[2J\\u202e<script> alert(1)") for line in lines)
    words = {word.word for cluster in named.clusters for word in cluster.words or ()}
    assert any("…" in word for word in words)
    assert not any("漢" in word for word in words)  # beyond what is read
    assert max(map(len, words)) <= 24


@pytest.mark.parametrize("text", ["", "12 34", "!?"])
def test_texts_without_a_word_have_no_words(searched: tuple[Suspects, RankedPool], text: str) -> None:
    found, ranked = searched
    named = name_clusters(found, ranked, [text] * 1200)
    assert all(cluster.words == () for cluster in (*named.clusters, *named.pool_clusters))
    assert named.clusters[0].examples[0].text == text


def test_as_many_words_as_asked_the_most_distinctive_first(searched: tuple[Suspects, RankedPool]) -> None:
    found, ranked = searched
    texts = ["plain"] * 1200
    own = ranked.rows[ranked.suspects[ranked.suspect_clusters.number == 0]]
    for place, row in enumerate(own):
        texts[row] = "always often" if place % 3 else "always"
    words = [name_clusters(found, ranked, texts, words=most).clusters[0].words or () for most in (1, 2)]
    assert [[word.word for word in some] for some in words] == [["always"], ["always", "often"]]


def test_weights_are_log_odds_over_their_deviation_and_change_sides_with_their_sign() -> None:
    inside, outside = np.array([8.0, 2.0, 0.0]), np.array([5.0, 20.0, 9.0])
    found = distinctive_words(inside, outside, size=10, rest=90)
    prior = 10 * (8 + 5 + 0.5) / 101
    inside_it, without = (8 + prior, 5 + prior), (10 + 10 - 8 - prior, 90 + 10 - 5 - prior)
    odds = [np.log(with_it / absent) for with_it, absent in zip(inside_it, without, strict=True)]
    assert found[0] == pytest.approx((odds[0] - odds[1]) / np.sqrt(sum(1 / x for x in (*inside_it, *without))))
    np.testing.assert_allclose(distinctive_words(outside, inside, size=90, rest=10), -found)
    assert abs(found[1]) < 0.5  # two of ten, and twenty of ninety
    assert found[2] < 0


def test_without_a_ranking_there_is_nothing_to_name(searched: tuple[Suspects, RankedPool]) -> None:
    found, ranked = searched
    unresolved = replace(found, resolved=False, clusters=(), pool_clusters=())
    assert name_clusters(unresolved, ranked, []) is unresolved
