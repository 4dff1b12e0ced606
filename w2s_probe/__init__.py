"""Weak-to-strong generalization on frozen features: measured in seconds, on a CPU."""

TYPE_CHECKING = False  # it imports nothing: Ctrl-C is a traceback until the command line has a handler
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Backbone": "w2s_probe.backbones",
    "BackboneOptions": "w2s_probe.backbones",
    "DataConfig": "w2s_probe.core.config",
    "DiagnoseConfig": "w2s_probe.core.config",
    "Diagnosis": "w2s_probe.diagnostics",
    "EmbeddingSpec": "w2s_probe.core.features",
    "Estimate": "w2s_probe.results.estimate",
    "FeatureSet": "w2s_probe.core.features",
    "FeatureStore": "w2s_probe.cache",
    "FinetuneConfig": "w2s_probe.core.finetune_config",
    "Labels": "w2s_probe.core.labels",
    "NotApplicableError": "w2s_probe.core.errors",
    "ReasonConfig": "w2s_probe.core.reason_config",
    "RidgeHead": "w2s_probe.heads",
    "SoftmaxHead": "w2s_probe.heads",
    "Split": "w2s_probe.core.splits",
    "SplitSource": "w2s_probe.experiments.sweep.splits",
    "Strategy": "w2s_probe.strategies",
    "Student": "w2s_probe.strategies",
    "SweepConfig": "w2s_probe.core.sweep_config",
    "Teacher": "w2s_probe.strategies",
    "W2SConfig": "w2s_probe.core.config",
    "W2SProbeError": "w2s_probe.core.errors",
    "W2SProblem": "w2s_probe.strategies",
    "W2SResult": "w2s_probe.results.run",
    "check_backbone": "w2s_probe.backbones",
    "decompose": "w2s_probe.theory",
    "default_cache": "w2s_probe.cache",
    "diagnose": "w2s_probe.pipeline.calls",
    "draw_splits": "w2s_probe.core.splits",
    "fit_ridge": "w2s_probe.heads",
    "forecast": "w2s_probe.pipeline.calls",
    "forecast_pair": "w2s_probe.experiments.forecast.pair",
    "get_backbone": "w2s_probe.backbones",
    "moments_of": "w2s_probe.linalg.moments",
    "open_data": "w2s_probe.datasets",
    "read_labels": "w2s_probe.core.labels",
    "ridge_path": "w2s_probe.linalg",
    "run": "w2s_probe.pipeline.calls",
    "run_finetune": "w2s_probe.finetune.run",
    "run_reason": "w2s_probe.finetune.reasoning.run",
    "run_sweep": "w2s_probe.experiments.sweep.grid",
    "run_w2s": "w2s_probe.experiments.run.protocol",
    "sweep": "w2s_probe.pipeline.calls",
}

__all__ = [*_HOME, "__version__"]  # noqa: PLE0604  # names are resolved on first use, to keep the import light


def __getattr__(name: str) -> "Any":
    """Import a public name from its module when it is first used."""
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
