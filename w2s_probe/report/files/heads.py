"""Fitted heads as safetensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from w2s_probe.core.writing import write_file
from w2s_probe.heads import LinearHead

if TYPE_CHECKING:
    from w2s_probe.pipeline.run import Run


def save_heads(run: Run, folder: Path) -> None:
    """Write ``heads.safetensors``: weights and intercept of every linear head of every seed.

    Tensors are ``SEED/SYSTEM/coef`` of shape (d, K) and ``SEED/SYSTEM/intercept`` of shape (K,), for features
    as the backbone gives them; a student's SYSTEM is its strategy. The metadata holds the classes, and the kind and
    strength of each head. Scores are ``X @ coef + intercept``; the softmax of a softmax head's scores are its
    probabilities.

    Parameters
    ----------
    run : Run
        A finished run with its heads.
    folder : Path
        An existing folder.
    """
    from safetensors.numpy import save

    tensors, kinds = {}, {}
    for outcome in run.outcomes:
        heads = {**outcome.heads, **{name: student.head for name, student in outcome.students.items()}}
        for name, head in heads.items():
            if isinstance(head, LinearHead):  # a third party's head may be anything
                key = f"{outcome.split.seed}/{name}"
                tensors[f"{key}/coef"] = np.ascontiguousarray(head.coef)
                tensors[f"{key}/intercept"] = np.ascontiguousarray(head.intercept)
                kinds[key] = {"kind": head.kind, "alpha": float(head.alpha)}
    metadata = {"classes": json.dumps(run.labels.classes), "heads": json.dumps(kinds, sort_keys=True)}
    write_file(folder / "heads.safetensors", save(tensors, metadata))
