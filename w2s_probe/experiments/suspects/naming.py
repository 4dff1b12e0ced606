r"""Describes clusters of texts by their most central texts and by their distinctive words.

A word's weight is the difference of its log-odds between the cluster and the rest of the pool, divided by the
standard deviation [1]_. A prior worth a few texts shrinks both log-odds toward the word's share of the whole pool. A
text counts once for each word, however often the word occurs in it, so that one long text cannot describe a cluster.

References
----------
.. [1] Monroe, Colaresi and Quinn (2008), Fightin' Words, Political Analysis 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from w2s_probe.core.text import shorten, visible
from w2s_probe.core.types import Float, Rows
from w2s_probe.experiments.suspects.ranking import RankedPool
from w2s_probe.results.suspects import DistinctiveWord, SuspectCluster, Suspects

READ = 4000  # first characters of a text that are used, about as many as text backbones read
TEXT_CELLS, WORD_CELLS = 160, 24  # widths of a shown text and of a shown word
VOCABULARY = 20_000
WORDS = r"(?u)\b[^\W\d_]\w+\b"
PRIOR = 10.0  # weight of the prior in texts
DISTINCT = 2.0  # least weight of a distinctive word, in standard deviations


def name_clusters(suspects: Suspects, ranked: RankedPool, texts: Sequence[str], *, words: int = 8) -> Suspects:
    """Return the suspects with the text of each example in one line, and each cluster's distinctive words.

    `suspects` and `ranked` come from the same search, `texts` has the text of every row of the table, `words` is the
    largest number of words of a cluster. Texts are untrusted: shown text is short, with hidden characters as escapes.
    """
    if not suspects.resolved:
        return suspects
    counts, vocabulary = _counted([texts[row][:READ] for row in ranked.rows])
    describe = partial(_described, texts=texts, counts=counts, vocabulary=vocabulary, words=words)
    of_suspects, of_pool = ranked.suspect_clusters.number, ranked.pool_clusters.number
    return replace(
        suspects,
        clusters=tuple(
            describe(cluster, members=ranked.suspects[of_suspects == k]) for k, cluster in enumerate(suspects.clusters)
        ),
        pool_clusters=tuple(
            describe(cluster, members=np.flatnonzero(of_pool == k)) for k, cluster in enumerate(suspects.pool_clusters)
        ),
    )


def distinctive_words(inside: Float, outside: Float, *, size: int, rest: int) -> Float:
    """Return the log-odds of each word inside minus outside, in standard deviations, shape (V,).

    `inside` and `outside`, shape (V,), count the texts with each word, among `size` and `rest` texts.
    """
    prior = PRIOR * (inside + outside + 0.5) / (size + rest + 1)  # above 0 and below PRIOR whatever the counts
    with_it = np.array([inside, outside]) + prior
    without = np.array([[size], [rest]]) - [inside, outside] + (PRIOR - prior)
    odds = np.log(with_it / without)
    return (odds[0] - odds[1]) / np.sqrt((1 / with_it + 1 / without).sum(axis=0))


def _counted(texts: list[str]) -> tuple[Any, list[str]]:
    """Return a sparse array (N, V), 1 where a text holds a word, and the V words."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(binary=True, token_pattern=WORDS, max_features=VOCABULARY)
    try:
        counts = counter.fit_transform(texts)
    except ValueError:  # "empty vocabulary": no text holds a word
        return None, []
    return counts, counter.get_feature_names_out().tolist()


def _described(
    cluster: SuspectCluster, *, members: Rows, texts: Sequence[str], counts: Any, vocabulary: list[str], words: int
) -> SuspectCluster:
    return replace(
        cluster,
        examples=tuple(replace(example, text=_line(texts[example.row])) for example in cluster.examples),
        words=tuple(_words(members, counts, vocabulary, words)) if vocabulary else (),
    )


def _words(members: Rows, counts: Any, vocabulary: list[str], most: int) -> list[DistinctiveWord]:
    size, rest = len(members), counts.shape[0] - len(members)
    inside = np.asarray(counts[members].sum(axis=0), dtype=np.float64).ravel()
    outside = np.asarray(counts.sum(axis=0), dtype=np.float64).ravel() - inside
    if rest == 0:
        return []
    weight = distinctive_words(inside, outside, size=size, rest=rest)
    order = np.argsort(-weight, kind="stable")[:most]
    return [
        DistinctiveWord(
            word=shorten(vocabulary[at], WORD_CELLS),  # letters and digits only: no hidden characters
            share=float(inside[at] / size),
            elsewhere=float(outside[at] / rest),
        )
        for at in order
        if weight[at] >= DISTINCT
    ]


def _line(text: str) -> str:
    return shorten(visible(" ".join(text[:READ].split())), TEXT_CELLS)
