"""Results for people: terminal text, HTML page, Markdown, and the files of a result."""

from w2s_probe.report.files.heads import heads_file
from w2s_probe.report.files.predictions import predictions_file
from w2s_probe.report.files.results import load_results, save, write_report

__all__ = ["heads_file", "load_results", "predictions_file", "save", "write_report"]
