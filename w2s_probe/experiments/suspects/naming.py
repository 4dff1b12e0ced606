r"""Clusters of texts named by their most central texts and by the words that set them apart.

A word's weight is the difference of its log-odds in the cluster and in the rest of the pool, both drawn
toward its share of the whole pool by a prior worth a few texts, over its standard deviation [1]_. Counted
are the texts that hold the word, not how often they do: one long text is no cluster's name.

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

READ = 4000  # characters of a text, about what text backbones read
TEXT_CELLS, WORD_CELLS = 160, 24
VOCABULARY = 20_000
WORDS = r"(?u)\b[^\W\d_]\w+\b"
PRIOR = 10.0  # texts
DISTINCT = 2.0  # standard deviations


def name_clusters(suspects: Suspects, ranked: RankedPool, texts: Sequence[str], *, words: int = 8) -> Suspects:
    """Return the suspects with a line of each example's text, and each cluster's distinctive words.

    Texts are untrusted: what is shown is short, in one line, with hidden characters written as escapes.

    Parameters
    ----------
    suspects : Suspects
        Clusters and examples, from `find_suspects`.
    ranked : RankedPool
        Which rows they hold, from the same search.
    texts : sequence of str
        Of all rows of the table, in its order.
    words : int
        Distinctive words of each cluster, at most.
    """
    if not suspects.resolved:
        return suspects
    counts, vocabulary = _counted([texts[row][:READ] for row in ranked.rows])
    named = partial(_named, texts=texts, counts=counts, vocabulary=vocabulary, words=words)
    among, everyone = ranked.suspect_clusters.number, ranked.pool_clusters.number
    return replace(
        suspects,
        clusters=tuple(
            named(cluster, members=ranked.suspects[among == k]) for k, cluster in enumerate(suspects.clusters)
        ),
        pool_clusters=tuple(
            named(cluster, members=np.flatnonzero(everyone == k)) for k, cluster in enumerate(suspects.pool_clusters)
        ),
    )


def distinctive_words(inside: Float, outside: Float, *, size: int, rest: int) -> Float:
    """Return how many standard deviations each word's log-odds lie higher inside than outside.

    Parameters
    ----------
    inside, outside : arrays of shape (V,)
        Texts that hold each word, of `size` and of `rest` texts.
    size, rest : int
        Texts inside and outside.
    """
    prior = PRIOR * (inside + outside + 0.5) / (size + rest + 1)  # above 0 and below PRIOR whatever the counts
    with_it = np.array([inside, outside]) + prior
    without = np.array([[size], [rest]]) - [inside, outside] + (PRIOR - prior)
    odds = np.log(with_it / without)
    return (odds[0] - odds[1]) / np.sqrt((1 / with_it + 1 / without).sum(axis=0))


def _counted(texts: list[str]) -> tuple[Any, list[str]]:
    """Return which text holds which word, as a sparse array (N, V), and the words."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(binary=True, token_pattern=WORDS, max_features=VOCABULARY)
    try:
        counts = counter.fit_transform(texts)
    except ValueError:  # "empty vocabulary": no text holds a word
        return None, []
    return counts, counter.get_feature_names_out().tolist()


def _named(
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
            word=shorten(vocabulary[at], WORD_CELLS),  # made of letters and digits: nothing hides in it
            share=float(inside[at] / size),
            elsewhere=float(outside[at] / rest),
        )
        for at in order
        if weight[at] >= DISTINCT
    ]


def _line(text: str) -> str:
    return shorten(visible(" ".join(text[:READ].split())), TEXT_CELLS)
