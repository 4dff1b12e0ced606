"""Results as people read them: a terminal table, files, one HTML page, Markdown."""

from w2s_probe.report.save import load_results, save_diagnosis, save_predictions, save_results, write_report

__all__ = ["load_results", "save_diagnosis", "save_predictions", "save_results", "write_report"]
