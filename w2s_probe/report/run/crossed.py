"""Variants that cross two settings, as tables of 80 columns with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from w2s_probe.core.text import visible
from w2s_probe.report.numbers import METRIC_NAMES, estimate_text
from w2s_probe.report.render.terminal import columns, wrapped
from w2s_probe.results.run import W2SResult
from w2s_probe.results.student import StudentResult

MOST_CROSSED = 30  # rows of a table
OWN = "own"


def crossed_text(result: W2SResult, name: str, student: StudentResult) -> Iterator[str]:
    """Yield a table for each pair of settings that variants cross, each with an empty line.

    A row has the values of both settings, or "own" where a value is that of the strategy's own student.
    """
    variants = {key: dict(part.partition("=")[::2] for part in key.split(",")) for key in student.variants or {}}
    for pair in dict.fromkeys(tuple(fields) for fields in variants.values() if len(fields) == 2):
        rows = {f"{OWN}, {OWN}": student}
        for key, fields in variants.items():
            if set(fields) <= set(pair):
                rows[", ".join(visible(fields.get(field, OWN)) for field in pair)] = (student.variants or {})[key]
        if len(rows) <= MOST_CROSSED:
            title = f"{visible(name)} by {visible(pair[0])} and {visible(pair[1])}"
            yield from (_table(result, title, rows), "")


def _table(result: W2SResult, title: str, rows: Mapping[str, StudentResult]) -> str:
    share = "; true labels: share of the targets on the pool" if result.classes else ""
    header = ["setting", *(["true labels"] if result.classes else []), "versus vanilla", "versus baseline"]
    title = wrapped(f"{title}, differences in {METRIC_NAMES[result.score]}{share}:")
    return f"{title}\n{columns(header, [_row(result, *row) for row in rows.items()])}"


def _row(result: W2SResult, setting: str, student: StudentResult) -> list[str]:
    versus_vanilla = (student.versus_vanilla or {}).get(result.score)
    return [
        setting,
        *([f"{student.selection.label_precision:.3f}"] if result.classes else []),
        *("–" if one is None else estimate_text(one, signed=True) for one in (versus_vanilla, student.versus_baseline)),
    ]
