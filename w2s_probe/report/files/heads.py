"""Fitted heads as safetensors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from w2s_probe.heads import LinearHead
from w2s_probe.heads.given import GivenHead
from w2s_probe.report.files.fingerprints import KEY

if TYPE_CHECKING:
    from w2s_probe.pipeline.run import Run


def heads_file(run: Run) -> bytes:
    """Return ``heads.safetensors``: weights and intercept of every linear head of every seed.

    Tensors are ``SEED/SYSTEM/coef`` of shape (d, K) and ``SEED/SYSTEM/intercept`` of shape (K,), for features
    as the backbone gives them. A student's SYSTEM is its strategy, a variant's is ``STRATEGY/FIELD=VALUE``, and that of
    each of several teachers is ``teachers/NAME``; teachers that are predictions have no head. The metadata holds the
    classes, and the kind and strength of each head. Scores are ``X @ coef + intercept``; the softmax of a softmax
    head's scores are its probabilities. The metadata also holds the run's fingerprint.

    Parameters
    ----------
    run : Run
        A finished run with its heads.
    """
    from safetensors.numpy import save

    tensors, kinds = {}, {}
    for outcome in run.outcomes:
        for name, head in outcome.all_heads().items():
            if isinstance(head, LinearHead) and not isinstance(head, GivenHead):  # a third party's may be anything
                key = f"{outcome.split.seed}/{name}"
                tensors[f"{key}/coef"] = np.ascontiguousarray(head.coef)
                tensors[f"{key}/intercept"] = np.ascontiguousarray(head.intercept)
                kinds[key] = {"kind": head.kind, "alpha": float(head.alpha)}
    metadata = {"classes": json.dumps(run.labels.classes), "heads": json.dumps(kinds, sort_keys=True)}
    return _with_sorted_metadata(save(tensors, {**metadata, KEY: run.result.fingerprint}))


def _with_sorted_metadata(content: bytes) -> bytes:
    """Return a safetensors file with its metadata in order: the library writes them in a random one."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors stay aligned
    return len(text).to_bytes(8, "little") + text + content[8 + size :]
