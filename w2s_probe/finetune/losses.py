"""The losses of `w2s_probe.heads.losses` on logits of a model, with gradients by torch."""

from __future__ import annotations

from collections.abc import Callable

import torch

from w2s_probe.core.fit_options import FitOptions
from w2s_probe.heads.confidence import confidence_targets
from w2s_probe.heads.losses import LOG_FLOOR

Loss = Callable[[torch.Tensor, torch.Tensor, FitOptions], torch.Tensor]


def loss_rows(logits: torch.Tensor, targets: torch.Tensor, options: FitOptions) -> torch.Tensor:
    """Return the loss of each row, shape (m,), for logits and target rows of shape (m, K)."""
    return LOSSES[options.loss](logits, targets, options)


def _cross_entropy(logits: torch.Tensor, targets: torch.Tensor, options: FitOptions) -> torch.Tensor:
    return -(targets * logits.log_softmax(1)).sum(1)


def _reverse_kl(logits: torch.Tensor, targets: torch.Tensor, options: FitOptions) -> torch.Tensor:
    log_q = logits.log_softmax(1)
    return (log_q.exp() * (log_q - targets.clamp_min(LOG_FLOOR).log())).sum(1)


def _gce(logits: torch.Tensor, targets: torch.Tensor, options: FitOptions) -> torch.Tensor:
    return -(targets * torch.expm1(options.exponent * logits.log_softmax(1))).sum(1) / options.exponent


def _confidence(logits: torch.Tensor, targets: torch.Tensor, options: FitOptions) -> torch.Tensor:
    """Cross-entropy to a mix of targets and own decisions, which are made within the batch."""
    own, teacher = (tensor.detach().double().cpu().numpy() for tensor in (logits, targets))
    mixed = confidence_targets(own, teacher, confidence=options.confidence)
    return _cross_entropy(logits, torch.as_tensor(mixed, dtype=logits.dtype, device=logits.device), options)


LOSSES: dict[str, Loss] = {
    "ce": _cross_entropy,
    "reverse_kl": _reverse_kl,
    "gce": _gce,
    "confidence": _confidence,
}
