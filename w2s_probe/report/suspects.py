"""The likely minority of a pool as text and grids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from w2s_probe.core.text import shorten, visible
from w2s_probe.report.page import Grid, Section
from w2s_probe.results.suspects import Lift, SuspectCluster, SuspectsFound

TEXT = 72


def suspect_sections(found: SuspectsFound | None) -> list[Section]:
    """Return what the page says of the suspects; nothing if they were not looked for."""
    if found is None:
        return []
    sections = [Section(name="Likely minority", text=[*_said(found), *found.first.notes])]
    if found.first.clusters:
        sections = [
            Section(
                name="Likely minority",
                grid=_clusters(found.first.clusters),
                user=(4, 5),
                text=[*_said(found), *found.first.notes],
            ),
            Section(
                name="Clusters of the whole pool", grid=_clusters(found.first.pool_clusters), folded=True, user=(4, 5)
            ),
        ]
    if found.judged:
        sections.append(
            Section(
                name="What the suspects are",
                grid=Grid(
                    header=["ranked by", "lift", "seeds with 2 or more"],
                    rows=[
                        _lift("calibrated error of rows", found.judged.rows),
                        _lift("calibrated error of whole clusters", found.judged.clusters),
                        _lift("true error of whole clusters (oracle)", found.judged.oracle_clusters),
                    ],
                ),
                text=[
                    f"Lift: the minority's share among the suspected rows over its share of the pool "
                    f"({found.judged.base_rate:.3f}), over {found.judged.seeds} seeds. The student errs on "
                    f"{found.judged.suspected_error:.3f} of the suspected rows and on {found.judged.pool_error:.3f} of "
                    f"the pool (AUC of the ranking {found.judged.auc:.3f})."
                ],
            )
        )
    return sections


def suspects_lines(found: SuspectsFound) -> Iterator[str]:
    """Yield the suspects as lines for the terminal; they may be longer than 80 cells."""
    yield from _said(found)
    yield from found.first.notes
    for cluster in found.first.clusters:
        words = f": {_words(cluster)}" if cluster.words else ""
        yield f"- {cluster.size} rows, calibrated error {cluster.error:.2f}, decided {_mix(cluster)}{words}"
        for example in cluster.examples[:1]:
            shown = example.text or example.id
            yield f"  {shorten(visible(shown), TEXT)}"
    if found.judged:
        rows = found.judged.rows
        yield (
            f"They hold {rows.value:.2f} [{rows.low:.2f}, {rows.high:.2f}] times the minority's share of the pool, "
            f"over {found.judged.seeds} seeds (whole clusters: {found.judged.clusters.value:.2f})."
        )


def _said(found: SuspectsFound) -> list[str]:
    first = found.first
    if not first.resolved:
        return []
    return [
        f"On {first.suspected:,} of {first.N:,} rows of the pool the student is expected to err most: in "
        f"{first.suspected_error:.0%}, against {first.pool_error:.0%} of the whole pool. No label or group of the pool "
        f"was read; the {first.n:,} labeled rows say where the student errs."
    ]


def _clusters(clusters: Sequence[SuspectCluster]) -> Grid:
    return Grid(
        header=["rows", "calibrated error", "student ≠ teacher", "decided", "distinctive words", "examples"],
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
    )


def _mix(cluster: SuspectCluster) -> str:
    return ", ".join(f"{visible(name)} {share:.0%}" for name, share in cluster.decisions.items() if share >= 0.005)


def _words(cluster: SuspectCluster) -> str:
    return ", ".join(visible(word.word) for word in cluster.words or ())


def _lift(name: str, lift: Lift) -> list[str]:
    return [name, f"{lift.value:.2f} [{lift.low:.2f}, {lift.high:.2f}]", f"{lift.twice:.0%}"]
