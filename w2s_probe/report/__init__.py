"""Results as people read them: a terminal table, files, one HTML page."""

from w2s_probe.report.save import save_diagnosis, save_predictions, save_results

__all__ = ["save_diagnosis", "save_predictions", "save_results"]
