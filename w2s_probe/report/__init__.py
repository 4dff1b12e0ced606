"""Results as people read them: a terminal table, files, one HTML page, Markdown."""

from w2s_probe.report.save.heads import save_heads
from w2s_probe.report.save.predictions import save_predictions
from w2s_probe.report.save.results import (
    load_results,
    save_diagnosis,
    save_forecast,
    save_results,
    save_spurious,
    save_sweep,
    save_variance,
    write_report,
)

__all__ = [
    "load_results",
    "save_diagnosis",
    "save_forecast",
    "save_heads",
    "save_predictions",
    "save_results",
    "save_spurious",
    "save_sweep",
    "save_variance",
    "write_report",
]
