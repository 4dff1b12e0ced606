"""The likely minority of a pool: sections of a page, and text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from w2s_probe.core.text import shorten, visible
from w2s_probe.report.page import Grid, Section
from w2s_probe.report.render.terminal import wrapped
from w2s_probe.results.suspects import Lift, SuspectCluster, SuspectsFound, SuspectsOverSeeds

TEXT = 72  # cells of an example in the terminal


def suspect_sections(suspects: SuspectsFound | None) -> Iterator[Section]:
    """Yield the sections on the suspects; nothing if ``--suspects`` was not given."""
    if suspects is None:
        return
    first = suspects.first
    clusters = [_clusters(first.clusters)] if first.clusters else []
    yield Section(name="Likely minority", grids=clusters, text=[*_summary(suspects), *first.notes])
    if first.clusters:
        yield Section(name="Clusters of the whole pool", grids=[_clusters(first.pool_clusters, folded=True)])
    if suspects.judged:
        yield _judged(suspects.judged)


def suspects_text(suspects: SuspectsFound) -> str:
    """Return the likely minority as lines of at most 80 cells."""
    return "\n".join(["Likely minority", *map(wrapped, _lines(suspects))])


def _lines(suspects: SuspectsFound) -> Iterator[str]:
    yield from _summary(suspects)
    yield from suspects.first.notes
    for cluster in suspects.first.clusters:
        words = f": {_words(cluster)}" if cluster.words else ""
        yield f"- {cluster.size} rows, calibrated error {cluster.error:.2f}, predicted {_mix(cluster)}{words}"
        for example in cluster.examples[:1]:
            yield f"  {shorten(visible(example.text or example.id), TEXT)}"
    if suspects.judged:
        rows = suspects.judged.rows
        yield (
            f"The minority's share of the suspected rows is {rows.value:.2f} [{rows.low:.2f}, {rows.high:.2f}] times "
            f"its share of the pool, over {suspects.judged.seeds} seeds (if whole clusters are suspected: "
            f"{suspects.judged.clusters.value:.2f})."
        )


def _summary(suspects: SuspectsFound) -> list[str]:
    first = suspects.first
    if not first.resolved:
        return []
    return [
        f"The student is expected to err most on {first.suspected:,} of the {first.N:,} pool rows: on "
        f"{first.suspected_error:.0%} of them, against {first.pool_error:.0%} of the whole pool. No label or group of "
        f"the pool was read; the error model is fitted on the {first.n:,} labeled rows."
    ]


def _clusters(clusters: Sequence[SuspectCluster], *, folded: bool = False) -> Grid:
    return Grid(
        header=["rows", "calibrated error", "student ≠ teacher", "predicted", "distinctive words", "examples"],
        rows=[
            [
                f"{cluster.size:,}",
                f"{cluster.error:.3f}",
                f"{cluster.disagreement:.3f}",
                _mix(cluster),
                _words(cluster) or "–",
                " · ".join(visible(example.text or example.id) for example in cluster.examples),
            ]
            for cluster in clusters
        ],
        folded="always" if folded else "never",
        user=(4, 5),
    )


def _mix(cluster: SuspectCluster) -> str:
    return ", ".join(f"{visible(name)} {share:.0%}" for name, share in cluster.decisions.items() if share >= 0.005)


def _words(cluster: SuspectCluster) -> str:
    return ", ".join(visible(word.word) for word in cluster.words or ())


def _judged(judged: SuspectsOverSeeds) -> Section:
    return Section(
        name="Suspects against the true minority",
        grids=[
            Grid(
                header=["ranked by", "lift", "seeds with lift of 2 or more"],
                rows=[
                    _lift("calibrated error of rows", judged.rows),
                    _lift("calibrated error of whole clusters", judged.clusters),
                    _lift("true error of whole clusters (oracle)", judged.oracle_clusters),
                ],
            )
        ],
        text=[
            f"Lift: the minority's share among the suspected rows divided by its share of the pool "
            f"({judged.base_rate:.3f}), mean over {judged.seeds} seeds. The student errs on "
            f"{judged.suspected_error:.3f} of the suspected rows and on {judged.pool_error:.3f} of "
            f"the pool (AUC of the ranking {judged.auc:.3f})."
        ],
    )


def _lift(name: str, lift: Lift) -> list[str]:
    return [name, f"{lift.value:.2f} [{lift.low:.2f}, {lift.high:.2f}]", f"{lift.twice:.0%}"]
