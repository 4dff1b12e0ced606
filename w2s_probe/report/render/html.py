"""One self-contained page: no network, no script, user text escaped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from w2s_probe.core.text import shorten, visible
from w2s_probe.report.numbers import config_rows, headline, title
from w2s_probe.report.page import Page
from w2s_probe.report.run import figures, grids
from w2s_probe.report.run.groups import group_sections
from w2s_probe.report.suspects import suspect_sections
from w2s_probe.results.run import W2SResult


def report_html(result: W2SResult, versions: Mapping[str, str]) -> str:
    """Return the page for one run.

    Parameters
    ----------
    result : W2SResult
        What was found.
    versions : mapping of package to version
        Shown at the end.
    """
    agrees = result.classes is not None
    return _rendered(
        "report.html.j2",
        title=title(result),
        headline=headline(result),
        verdict=result.verdict,
        notes=result.notes,
        result=result,
        level=f"{result.level:.0%}",
        systems=grids.systems_grid(result),
        comparisons=grids.comparison_grids(result),
        curve=grids.curve_grid(result),
        selection=grids.selection_grid(result),
        classes=grids.class_grid(result),
        systems_figure=figures.systems_figure(result),
        agreement_figure=figures.agreement_figure(result) if agrees else None,
        curve_figures=figures.curve_figures(result) if result.curve else [],
        reliability_figures=figures.reliability_figures(result),
        groups=[*group_sections(result), *suspect_sections(result.suspects)],
        config=config_rows(result.config, result.fingerprint),
        versions=list(versions.items()),
    )


def page_html(page: Page, versions: Mapping[str, str]) -> str:
    """Return any other report as a page.

    Parameters
    ----------
    page : Page
        What it says.
    versions : mapping of package to version
        Shown at the end.
    """
    return _rendered(
        "page.html.j2",
        title=page.title,
        headline=[*([shorten(visible(page.data), 60)] if page.data else []), *page.headline],
        verdict=page.verdict,
        notes=page.notes,
        sections=page.sections,
        config=page.settings,
        versions=list(versions.items()),
    )


def _rendered(template: str, **values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def shown(value: Any) -> Any:
        return value if isinstance(value, Markup) else visible(str(value))

    environment = Environment(
        loader=PackageLoader("w2s_probe.report"),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = Markup  # figures escape their text themselves
    page: str = environment.get_template(template).render(**values)
    return page
