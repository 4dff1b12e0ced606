"""Suspects of a run: described for its first split, compared with a known minority over all splits."""

from __future__ import annotations

from collections.abc import Sequence

from w2s_probe.core.config import W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split
from w2s_probe.experiments.suspects.find import SearchedRows, find_suspects
from w2s_probe.experiments.suspects.judge import judge_suspects, over_seeds
from w2s_probe.experiments.suspects.naming import name_clusters
from w2s_probe.results.suspects import SuspectsConfig, SuspectsFound


def suspects_of_run(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    splits: Sequence[Split | SearchedRows],
    config: W2SConfig,
    groups: Groups | None = None,
    texts: Sequence[str] | None = None,
    judge: bool = True,
) -> SuspectsFound:
    """Return the suspects of the first split with their texts, and lifts of a known minority over all splits.

    The search reads labels of labeled rows only. Where groups have a cue, the rows that conflict with it are the known
    minority; the lifts and the student's true errors then need the labels of the pool. With ``judge=False``, for
    a pool without labels, or without a cue, only the first split is searched. `texts` has the text of every row.
    """
    settings = SuspectsConfig()
    minority = groups.conflicting if judge and groups is not None and groups.cue else None
    searches = [
        (split, *find_suspects(teacher, student, labels, split=split, config=config, suspects=settings))
        for split in (splits[:1] if minority is None else splits)
    ]
    _, first, ranked = searches[0]
    if texts is not None:
        first = name_clusters(first, ranked, texts, words=settings.words)
    if minority is None:
        return SuspectsFound(first=first)
    judged = [
        judge_suspects(
            ranked,
            minority=minority[split.unlabeled],
            wrong=ranked.student != labels.values[split.unlabeled],
        )
        for split, _, ranked in searches
    ]
    return SuspectsFound(first=first, judged=over_seeds(judged, level=config.level))
