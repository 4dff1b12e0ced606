r"""Losses of a softmax head on soft targets, with their gradients in the logits.

Every loss takes logits F and target rows P, both of shape (n, K). It returns the loss of each row, shape (n,),
and its gradient in F. With :math:`q = \mathrm{softmax}(f)`:

==============  ==============================================  ================================
name            value                                           gradient
==============  ==============================================  ================================
``ce``          :math:`-\sum_k p_k \log q_k`                    :math:`q - p`
``reverse_kl``  :math:`\sum_k q_k (\log q_k - \log p_k)`        :math:`q_j (g_j - \sum_k q_k g_k)`
                                                                with :math:`g = \log q - \log p`
``gce``         :math:`\sum_k p_k (1 - q_k^\gamma) / \gamma`    :math:`(\sum_k p_k q_k^\gamma) q_j
                                                                - p_j q_j^\gamma`
``confidence``  ``ce`` on :math:`(1-a) p + a \hat h`: see      :math:`q - (1-a) p - a \hat h`
                `w2s_probe.heads.confidence`
==============  ==============================================  ================================

``gce`` tends to ``ce`` as :math:`\gamma \to 0` and is :math:`1 - q_y` at 1. Only ``ce`` is convex
in the logits; fits of the other losses start from the ``ce`` head. ``confidence`` decides all rows
together, so that the loss of one row depends on the other rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.special import log_softmax

from w2s_probe.core.errors import ConfigError
from w2s_probe.core.fit_options import LossName
from w2s_probe.core.types import Float
from w2s_probe.heads.confidence import check_confidence, confidence_targets

Loss = Callable[[Float, Float], tuple[Float, Float]]
LOG_FLOOR = 1e-6  # lower bound of target probabilities in `reverse_kl`


def cross_entropy(F: Float, P: Float) -> tuple[Float, Float]:
    """Return cross-entropy by row, shape (n,), and its gradient in the logits, shape (n, K)."""
    log_q = log_softmax(F, axis=1)
    return -(P * log_q).sum(axis=1), P.sum(axis=1, keepdims=True) * np.exp(log_q) - P


def reverse_kl(F: Float, P: Float) -> tuple[Float, Float]:
    """Return KL(q || p) by row and its gradient; targets below `LOG_FLOOR` are raised to it.

    References
    ----------
    .. [1] Yao et al. (2025), reverse KL for weak-to-strong generalization.
    """
    log_q = log_softmax(F, axis=1)
    q = np.exp(log_q)
    g = log_q - np.log(np.maximum(P, LOG_FLOOR))
    value = (q * g).sum(axis=1)
    return value, q * (g - value[:, None])


def gce(F: Float, P: Float, *, exponent: float) -> tuple[Float, Float]:
    """Return generalized cross-entropy by row and its gradient; `exponent` in (0, 1].

    References
    ----------
    .. [1] Zhang and Sabuncu (2018), arXiv 1805.07836.
    """
    log_q = log_softmax(F, axis=1)
    value = -(P * np.expm1(exponent * log_q)).sum(axis=1) / exponent
    pull = P * np.exp(exponent * log_q)
    return value, pull.sum(axis=1, keepdims=True) * np.exp(log_q) - pull


def confidence_loss(F: Float, P: Float, *, confidence: float) -> tuple[Float, Float]:
    """Return cross-entropy to teacher and own decisions by row, and its gradient at fixed decisions.

    References
    ----------
    .. [1] Burns et al. (2023), arXiv 2312.09390.
    """
    return cross_entropy(F, confidence_targets(F, P, confidence=confidence))


def get_loss(name: LossName, *, exponent: float = 0.2, confidence: float = 0.5) -> Loss:
    """Return a loss by name.

    `exponent` of ``gce`` lies in (0, 1]; `confidence`, the weight of the student's own decisions in the loss of that
    name, in [0, 1]. Raises `ConfigError` for an unknown name or a parameter out of range.
    """
    if name == "gce" and not 0 < exponent <= 1:
        msg = f"the exponent of gce must lie in (0, 1]: got {exponent}. Use 0.2; the limit at 0 is the loss ce."
        raise ConfigError(msg)
    if name == "confidence":
        check_confidence(confidence)
    losses: dict[str, Loss] = {
        "ce": cross_entropy,
        "reverse_kl": reverse_kl,
        "gce": partial(gce, exponent=exponent),
        "confidence": partial(confidence_loss, confidence=confidence),
    }
    if name not in losses:
        msg = f"loss must be one of {', '.join(losses)}: got {name!r}. Use ce, the default."
        raise ConfigError(msg)
    return losses[name]
