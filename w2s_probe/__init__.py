"""Weak-to-strong generalization on frozen features: measured in seconds, on a CPU."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "BackboneOptions": "w2s_probe.backbones",
    "DataConfig": "w2s_probe.config",
    "DiagnoseConfig": "w2s_probe.config",
    "Diagnosis": "w2s_probe.diagnostics",
    "EmbeddingSpec": "w2s_probe.features",
    "FeatureSet": "w2s_probe.features",
    "FeatureStore": "w2s_probe.cache",
    "Labels": "w2s_probe.labels",
    "RidgeHead": "w2s_probe.heads",
    "Split": "w2s_probe.splits",
    "W2SConfig": "w2s_probe.config",
    "W2SProbeError": "w2s_probe.errors",
    "W2SResult": "w2s_probe.results",
    "check_backbone": "w2s_probe.backbones",
    "diagnose": "w2s_probe.diagnostics",
    "draw_splits": "w2s_probe.splits",
    "get_backbone": "w2s_probe.backbones",
    "read_labels": "w2s_probe.labels",
    "ridge_path": "w2s_probe.linalg",
    "run": "w2s_probe.pipeline",
    "run_w2s": "w2s_probe.protocol",
}

__all__ = [*_HOME, "__version__"]  # noqa: PLE0604  # names are resolved on first use, to keep the import light


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first used."""
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
