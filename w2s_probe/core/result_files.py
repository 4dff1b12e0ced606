"""Names of the files of ``--out``."""

from __future__ import annotations

RESULT = "result.json"  # a folder without it holds no result
TABLE, HTML, MARKDOWN = "results.parquet", "report.html", "report.md"
PREDICTIONS, HEADS = "predictions.parquet", "heads.safetensors"  # only on request
ALWAYS = (RESULT, TABLE, HTML, MARKDOWN)
FILES = (*ALWAYS, PREDICTIONS, HEADS)
WEIGHTS = "finetuned-*.safetensors"  # one for each fine-tuned system, on request


def weight_file(system: str) -> str:
    """Return the name of the file with the weights of a fine-tuned system or student.

    Parameters
    ----------
    system : str
        Its name in the result.

    Examples
    --------
    >>> weight_file("finetuned_baseline"), weight_file("finetuned"), weight_file("finetuned/high_confidence")
    ('finetuned-baseline.safetensors', 'finetuned-student.safetensors', 'finetuned-high_confidence.safetensors')
    """
    own = system.removeprefix("finetuned").lstrip("_/") or "student"
    return f"finetuned-{own.replace('/', '-').replace(':', '-')}.safetensors"
