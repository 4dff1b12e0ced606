"""A page as GitHub-flavored Markdown, for pull requests: verdict first, details folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from w2s_probe.core.text import markdown_code, markdown_text, shorten, visible
from w2s_probe.report.page import Grid, Page, Section

NAME = 200  # cells of a user's text; the HTML page shows all of it


def page_markdown(page: Page, versions: Mapping[str, str], *, fingerprint: str | None = None) -> str:
    """Return the Markdown of a report; `versions`, by package, stand in its last fold, then a fingerprint, hidden."""
    title = " → ".join(map(_user, page.title.split(" → "))) if page.data else markdown_text(page.title)
    call, opening, advice = title, f"{_user(page.data)}. " if page.data else "", []
    if page.advice:
        call = page.call
        opening = f"{_user(page.data)}: {title}. " if page.data else ""
        advice = [markdown_text(page.advice)]
    parts = [
        f"### {page.kind}: {call}",
        *advice,
        f"{opening}{'. '.join(map(markdown_text, page.headline))}.",
        *(part for section in page.sections if section.lead for part in _section(section)),
        *(f"> Note: {markdown_text(note)}" for note in page.notes),
        *(part for section in page.sections if not section.lead for part in _section(section)),
        _settings(page.settings, versions),
        *([f"<!-- w2s_probe fingerprint: {fingerprint} -->"] if fingerprint else []),
    ]
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> Iterator[str]:
    unfolded = any(grid.folded == "never" for grid in section.grids)
    if not section.lead and (unfolded or (section.text and not section.grids)):
        yield f"**{markdown_text(section.name)}**"
    for grid in section.grids:
        if grid.folded != "never":
            yield _folded(grid.title or section.name, grid)
            continue
        if grid.title:
            yield f"**{_user(grid.title)}**"
        yield _table(grid)
    yield from map(markdown_text, section.text)


def _settings(rows: Iterable[tuple[str, str]], versions: Mapping[str, str]) -> str:
    settings = [[key, shorten(visible(value), NAME)] for key, value in [*rows, *versions.items()]]
    return _folded("Configuration and versions", Grid(header=["setting", "value"], rows=settings, user=range(2)))


def _folded(name: str, grid: Grid) -> str:
    return f"<details><summary>{markdown_text(name)}</summary>\n\n{_table(grid)}\n\n</details>"


def _table(grid: Grid) -> str:
    header = [markdown_text(name) for name in grid.header]
    rows = [[_user(cell) if i in grid.user else markdown_text(cell) for i, cell in enumerate(row)] for row in grid.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows])


def _user(text: str) -> str:
    return markdown_code(shorten(visible(text), NAME))
