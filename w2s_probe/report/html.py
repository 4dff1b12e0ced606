"""One self-contained page: no network, no script, user text escaped."""

from __future__ import annotations

from collections.abc import Mapping

from w2s_probe.report.figures import systems_figure, systems_figure_text
from w2s_probe.report.tables import METRIC_NAMES, comparison_rows, estimate_text, headline, score_text, system_rows
from w2s_probe.results import W2SResult

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

    environment = Environment(
        loader=PackageLoader("w2s_probe.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    config = result.config
    title = f"{config['teacher']} → {config['student']}" if "teacher" in config else "Weak-to-strong"
    page: str = environment.get_template("report.html.j2").render(
        title=title,
        result=result,
        headline=headline(result),
        systems=system_rows(result),
        metrics=list(result.systems["teacher"]),
        metric_names=METRIC_NAMES,
        comparisons=comparison_rows(result),
        figure=systems_figure(result),
        figure_text=systems_figure_text(result),
        estimate_text=estimate_text,
        score_text=score_text,
        config=[(key, value) for key, value in config.items() if value is not None],
        versions=list(versions.items()),
    )
    return page
