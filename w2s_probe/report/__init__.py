"""Results for people: terminal text, HTML page, Markdown, and the files of a result."""

from w2s_probe.report.files.heads import save_heads
from w2s_probe.report.files.predictions import save_predictions
from w2s_probe.report.files.results import load_results, save, write_report

__all__ = ["load_results", "save", "save_heads", "save_predictions", "write_report"]
