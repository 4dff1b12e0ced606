"""What can be reported: how each kind of result is known, read back and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from w2s_probe.experiments.sweep import SweepResult
from w2s_probe.report.diagnosis.page import diagnosis_page
from w2s_probe.report.diagnosis.text import diagnosis_text
from w2s_probe.report.forecast.page import forecast_page
from w2s_probe.report.forecast.text import forecast_text
from w2s_probe.report.page import Page
from w2s_probe.report.render.html import page_html, report_html
from w2s_probe.report.render.markdown import page_markdown, report_markdown
from w2s_probe.report.render.terminal import run_text
from w2s_probe.report.sweep.page import sweep_page
from w2s_probe.report.sweep.text import sweep_text
from w2s_probe.report.theory_spurious.page import spurious_page
from w2s_probe.report.theory_spurious.text import spurious_text
from w2s_probe.report.theory_variance.page import variance_page
from w2s_probe.report.theory_variance.text import variance_text
from w2s_probe.results.diagnosis import Diagnosis
from w2s_probe.results.forecast import ForecastResult
from w2s_probe.results.run import W2SResult
from w2s_probe.theory.spurious.output import SpuriousOutput
from w2s_probe.theory.variance.output import VarianceOutput

Show = Callable[[Any, Mapping[str, str]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of result.

    Parameters
    ----------
    verb : str
        Who wrote it.
    key : str
        What only its JSON has.
    result : type
        Its dataclass, with `from_dict`.
    text : callable
        For a terminal.
    html, markdown : callable
        Pages, from the result and the versions it was made with.
    """

    verb: str
    key: str
    result: Any
    text: Callable[[Any], str]
    html: Show
    markdown: Show


def _paged(build: Callable[[Any], Page]) -> dict[str, Show]:
    return {
        "html": lambda result, versions: page_html(build(result), versions),
        "markdown": lambda result, versions: page_markdown(build(result), versions),
    }


KINDS = (
    Kind(verb="run", key="students", result=W2SResult, text=run_text, html=report_html, markdown=report_markdown),
    Kind(verb="forecast", key="misfit", result=ForecastResult, text=forecast_text, **_paged(forecast_page)),
    Kind(verb="sweep", key="points", result=SweepResult, text=sweep_text, **_paged(sweep_page)),
    Kind(verb="diagnose", key="pair", result=Diagnosis, text=diagnosis_text, **_paged(diagnosis_page)),
    Kind(verb="theory variance", key="variance", result=VarianceOutput, text=variance_text, **_paged(variance_page)),
    Kind(verb="theory spurious", key="published", result=SpuriousOutput, text=spurious_text, **_paged(spurious_page)),
)


def kind_in(found: Any) -> Kind:
    """Return the kind of what JSON gave; that of `run` where nothing tells."""
    held = found if isinstance(found, dict) else {}
    return next((kind for kind in KINDS if kind.key in held), KINDS[0])


def kind_of(result: Any) -> Kind:
    """Return the kind of a result."""
    return next(kind for kind in KINDS if isinstance(result, kind.result))
