"""Losses of a causal model on sequences: mean loss of tokens, log-likelihoods of continuations, and DPO."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional
from transformers import LlamaForCausalLM

from w2s_probe.core.types import Rows
from w2s_probe.finetune.reasoning.decoder import IGNORED, Texts

BATCH = 256


def token_loss(model: LlamaForCausalLM, texts: Texts, rows: Rows) -> torch.Tensor:
    """Return the mean loss of all labelled tokens of some texts."""
    logits, labels = _logits(model, texts, rows)
    return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)


def log_likelihoods(model: LlamaForCausalLM, texts: Texts, rows: Rows) -> torch.Tensor:
    """Return the log-likelihood of the labelled tokens of each of some texts, shape (m,)."""
    logits, labels = _logits(model, texts, rows)
    losses = functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none")
    return -losses.sum(1)


@torch.no_grad()
def all_log_likelihoods(model: LlamaForCausalLM, texts: Texts) -> torch.Tensor:
    """Return the log-likelihood of every text, without gradients, shape (m,)."""
    rows = np.arange(len(texts.tokens))
    parts = [log_likelihoods(model, texts, rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)]
    return torch.cat(parts) if parts else torch.zeros(0, device=model.device)


def dpo_rows(
    chosen: torch.Tensor,
    rejected: torch.Tensor,
    *,
    reference_chosen: torch.Tensor,
    reference_rejected: torch.Tensor,
    beta: float,
) -> torch.Tensor:
    r"""Return the DPO loss of each pair, shape (m,), from log-likelihoods by the model and by a frozen reference.

    .. math:: -\log \sigma(\beta [(\ell_+ - \ell_+^\text{ref}) - (\ell_- - \ell_-^\text{ref})])

    Rafailov et al. (2023), Direct Preference Optimization, arXiv 2305.18290, equation 7.
    """
    margins = (chosen - reference_chosen) - (rejected - reference_rejected)
    return -functional.logsigmoid(beta * margins)


def _logits(model: LlamaForCausalLM, texts: Texts, rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits of the tokens after the first, and their labels, without columns that no text needs."""
    tokens, labels = texts.tokens[rows], texts.labels[rows]
    used = (labels != IGNORED).any(0).nonzero()
    length = int(used.max()) + 1 if len(used) else tokens.shape[1]
    logits = model(tokens[:, : length - 1], use_cache=False).logits
    return logits if logits.dtype == torch.float64 else logits.float(), labels[:, 1:length]
