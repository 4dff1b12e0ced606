"""One self-contained page: no network, no script, user text escaped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from w2s_probe.report import figures, grids
from w2s_probe.report.tables import config_rows, headline, title
from w2s_probe.results import W2SResult
from w2s_probe.text import visible

__all__ = ["report_html"]


def report_html(result: W2SResult, versions: Mapping[str, str]) -> str:
    """Return the page for one run.

    Parameters
    ----------
    result : W2SResult
        What was found.
    versions : mapping of package to version
        Shown at the end.
    """
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
    agrees = result.classes is not None
    page: str = environment.get_template("report.html.j2").render(
        title=title(result),
        result=result,
        headline=headline(result),
        level=f"{result.level:.0%}",
        systems=grids.systems_grid(result),
        comparisons=grids.comparison_grids(result),
        curve=grids.curve_grid(result),
        selection=grids.selection_grid(result),
        classes=grids.class_grid(result),
        systems_figure=Markup(figures.systems_figure(result)),  # noqa: S704  # figures escape their text
        agreement_figure=Markup(figures.agreement_figure(result)) if agrees else None,  # noqa: S704
        curve_figures=[Markup(one) for one in figures.curve_figures(result)] if result.curve else [],  # noqa: S704
        reliability_figures=[Markup(one) for one in figures.reliability_figures(result)],  # noqa: S704
        config=config_rows(result),
        versions=list(versions.items()),
    )
    return page
