"""The report as GitHub-flavored Markdown, for pull requests: verdict first, details folded."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping

from w2s_probe.core.text import markdown_code, markdown_text, shorten, visible
from w2s_probe.report.numbers import config_rows, headline
from w2s_probe.report.page import Grid, Page, Section
from w2s_probe.report.run import grids
from w2s_probe.report.run.groups import group_sections
from w2s_probe.report.suspects import suspect_sections
from w2s_probe.results.run import W2SResult

NAME = 200  # cells of a user's text; all of it is in the page


def report_markdown(result: W2SResult, versions: Mapping[str, str]) -> str:
    """Return the Markdown for one run.

    Parameters
    ----------
    result : W2SResult
        What was found.
    versions : mapping of package to version
        Shown in the last fold.
    """
    verdict = result.verdict
    compared = grids.comparison_grids(result)
    parts = [
        f"### Weak-to-strong: {verdict.call} · {verdict.recommend.replace('_', ' ')}",
        markdown_text(verdict.advice),
        _asked(result),
        _table(grids.systems_grid(result)),
    ]
    for name, grid in compared.items():
        parts += [*([f"**{_user(name)}**"] if len(compared) > 1 else []), _table(grid)]
    parts += [f"> Note: {markdown_text(note)}" for note in result.notes]
    parts += [
        part for section in (*group_sections(result), *suspect_sections(result.suspects)) for part in _section(section)
    ]
    if result.curve is not None:
        parts.append(_folded("Learning curves", grids.curve_grid(result)))
    parts.append(_folded("Pseudolabels", grids.selection_grid(result)))
    if result.classes:
        parts.append(_folded("Classes among them", grids.class_grid(result), code=range(1)))
    parts.append(_settings(config_rows(result.config, result.fingerprint), versions))
    return "\n\n".join(parts) + "\n"


def page_markdown(page: Page, versions: Mapping[str, str]) -> str:
    """Return the Markdown of any other report.

    Parameters
    ----------
    page : Page
        What it says.
    versions : mapping of package to version
        Shown in the last fold.
    """
    title = " → ".join(map(_user, page.title.split(" → "))) if page.data else markdown_text(page.title)
    call = title
    asked = f"{_user(page.data)}. " if page.data else ""
    if page.verdict:
        call = f"{page.verdict.call} · {page.verdict.recommend.replace('_', ' ')}"
        asked = f"{_user(page.data or '')}: {title}. "
    parts = [
        f"### {page.kind}: {call}",
        *([markdown_text(page.verdict.advice)] if page.verdict else []),
        f"{asked}{'. '.join(map(markdown_text, page.headline))}.",
        *(f"> Note: {markdown_text(note)}" for note in page.notes),
        *(part for section in page.sections for part in _section(section)),
        _settings(page.settings, versions),
    ]
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> Iterator[str]:
    if section.grid and section.folded:
        yield _folded(section.name, section.grid, code=section.user)
    elif section.grid or section.text:
        yield f"**{markdown_text(section.name)}**"
        yield from [_table(section.grid, code=section.user)] if section.grid else []
    yield from (markdown_text(said) for said in section.text)


def _settings(rows: Iterable[tuple[str, str]], versions: Mapping[str, str]) -> str:
    settings = [[key, shorten(visible(value), NAME)] for key, value in [*rows, *versions.items()]]
    return _folded("Configuration and versions", Grid(header=["setting", "value"], rows=settings), code=range(2))


def _asked(result: W2SResult) -> str:
    config, said = result.config, headline(result)
    if "data" not in config:
        return f"{'. '.join(said)}."
    data, teacher, student = (_user(str(config[name])) for name in ("data", "teacher", "student"))
    return f"{data}: {teacher} → {student}. {'. '.join(said[1:])}."


def _folded(name: str, grid: Grid, *, code: Container[int] = ()) -> str:
    return f"<details><summary>{markdown_text(name)}</summary>\n\n{_table(grid, code=code)}\n\n</details>"


def _table(grid: Grid, *, code: Container[int] = ()) -> str:
    """Return rows between pipes; columns whose number is in `code` hold a user's text."""
    header = [markdown_text(name) for name in grid.header]
    rows = [[_user(cell) if i in code else markdown_text(cell) for i, cell in enumerate(row)] for row in grid.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows])


def _user(text: str) -> str:
    return markdown_code(shorten(visible(text), NAME))
