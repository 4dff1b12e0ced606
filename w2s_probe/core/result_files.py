"""Names of the files of ``--out``."""

from __future__ import annotations

RESULT = "result.json"  # a folder without it holds no result
TABLE, HTML, MARKDOWN = "results.parquet", "report.html", "report.md"
PREDICTIONS, HEADS = "predictions.parquet", "heads.safetensors"  # only on request
ALWAYS = (RESULT, TABLE, HTML, MARKDOWN)
FILES = (*ALWAYS, PREDICTIONS, HEADS)
