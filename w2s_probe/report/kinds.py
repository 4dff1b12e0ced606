"""The kinds of results: how each is recognized in JSON, read back, reported, and laid out in tidy rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from w2s_probe.report.diagnosis.page import diagnosis_page
from w2s_probe.report.diagnosis.text import diagnosis_text
from w2s_probe.report.finetune.page import finetune_page
from w2s_probe.report.finetune.text import finetune_text
from w2s_probe.report.forecast.page import forecast_page
from w2s_probe.report.forecast.text import forecast_text
from w2s_probe.report.page import Page
from w2s_probe.report.reason.page import reason_page
from w2s_probe.report.reason.text import reason_text
from w2s_probe.report.run.page import run_page
from w2s_probe.report.run.text import run_text
from w2s_probe.report.sweep.page import sweep_page
from w2s_probe.report.sweep.text import sweep_text
from w2s_probe.report.theory_spurious.page import spurious_page, spurious_rows
from w2s_probe.report.theory_spurious.text import spurious_text
from w2s_probe.report.theory_variance.page import variance_page, variance_rows
from w2s_probe.report.theory_variance.text import variance_text
from w2s_probe.results.diagnosis import Diagnosis
from w2s_probe.results.finetune import FinetuneResult
from w2s_probe.results.forecast import ForecastResult
from w2s_probe.results.reason import COLUMNS as REASON_COLUMNS
from w2s_probe.results.reason import ReasonResult
from w2s_probe.results.run import COLUMNS as RUN_COLUMNS
from w2s_probe.results.run import W2SResult
from w2s_probe.results.sweep import COLUMNS as SWEEP_COLUMNS
from w2s_probe.results.sweep import SweepResult
from w2s_probe.theory.spurious.output import SpuriousOutput
from w2s_probe.theory.variance.output import VarianceOutput

Rows = Iterable[Mapping[str, Any]] | Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of result.

    Parameters
    ----------
    verb : str
        The verb that writes it.
    key : str
        A key that only its JSON has, among the kinds from it on.
    result : type
        Its dataclass, with `from_dict`.
    text : callable
        Returns the text for a terminal.
    page : callable
        Returns the report.
    rows : callable
        Returns the tidy rows of ``results.parquet``: one mapping for each row, or one list for each column.
    columns : mapping of column to type, or None
        Types of the tidy rows, where values may be None; by default those of the values.
    """

    verb: str
    key: str
    result: Any
    text: Callable[[Any], str]
    page: Callable[[Any], Page]
    rows: Callable[[Any], Rows]
    columns: Mapping[str, type] | None = None


KINDS = (
    Kind(
        verb="finetune",
        key="finetuning",
        result=FinetuneResult,
        text=finetune_text,
        page=finetune_page,
        rows=FinetuneResult.to_record,
        columns=RUN_COLUMNS,
    ),
    Kind(
        verb="reason",
        key="task",
        result=ReasonResult,
        text=reason_text,
        page=reason_page,
        rows=ReasonResult.to_record,
        columns=REASON_COLUMNS,
    ),
    Kind(
        verb="run",
        key="students",
        result=W2SResult,
        text=run_text,
        page=run_page,
        rows=W2SResult.to_record,
        columns=RUN_COLUMNS,
    ),
    Kind(
        verb="forecast",
        key="misfit",
        result=ForecastResult,
        text=forecast_text,
        page=forecast_page,
        rows=ForecastResult.to_record,
    ),
    Kind(
        verb="sweep",
        key="points",
        result=SweepResult,
        text=sweep_text,
        page=sweep_page,
        rows=lambda result: result.table,
        columns=SWEEP_COLUMNS,
    ),
    Kind(
        verb="diagnose",
        key="pair",
        result=Diagnosis,
        text=diagnosis_text,
        page=diagnosis_page,
        rows=Diagnosis.to_record,
    ),
    Kind(
        verb="theory variance",
        key="variance",
        result=VarianceOutput,
        text=variance_text,
        page=variance_page,
        rows=variance_rows,
        columns={"n": int, "N": int, "what": str, "expected": float, "simulated": float, "se": float},
    ),
    Kind(
        verb="theory spurious",
        key="published",
        result=SpuriousOutput,
        text=spurious_text,
        page=spurious_page,
        rows=spurious_rows,
    ),
)


def kind_in(content: Any) -> Kind:
    """Return the kind of the content of a JSON file; the kind of `run` where no key tells."""
    keys = content if isinstance(content, dict) else {}
    run = next(kind for kind in KINDS if kind.verb == "run")
    return next((kind for kind in KINDS if kind.key in keys), run)


def kind_of(result: Any) -> Kind:
    """Return the kind of a result; a fine-tune comes before the run that it extends."""
    return next(kind for kind in KINDS if isinstance(result, kind.result))
