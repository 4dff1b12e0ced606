"""The suspects of a whole run: shown for its first split, judged over all of them where the minority is known."""

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
    known: bool = True,
) -> SuspectsFound:
    """Return the suspects of the first split by name, and what the suspects of all splits are.

    Parameters
    ----------
    teacher, student : FeatureSet
        Features of the same rows, of shapes (n, d_t) and (n, d_s).
    labels : Labels
        Classes of all rows; the search reads those of labeled rows only, `known` ones judge it afterwards.
    splits : sequence of Split or SearchedRows
        One for each seed.
    config : W2SConfig
        The experiment.
    groups : Groups, optional
        Rows that conflict with the cue are the minority that suspects are judged by.
    texts : sequence of str, optional
        Of all rows.
    known : bool
        Whether the pool's labels are true; else nothing is judged, and the first split alone is searched.
    """
    asked = SuspectsConfig()
    judged = []
    judging = known and groups is not None and bool(groups.cue)
    searched = [
        (split, *find_suspects(teacher, student, labels, split=split, config=config, suspects=asked))
        for split in (splits if judging else splits[:1])
    ]
    _, first, ranked = searched[0]
    if texts is not None:
        first = name_clusters(first, ranked, texts, words=asked.words)
    if judging and groups is not None:
        for split, _, ranked in searched:
            wrong = ranked.student != labels.values[split.unlabeled]
            judged.append(judge_suspects(ranked, minority=groups.conflicting[split.unlabeled], wrong=wrong))
    return SuspectsFound(first=first, judged=over_seeds(judged, level=config.level) if judged else None)
