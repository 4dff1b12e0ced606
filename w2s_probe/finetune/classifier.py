"""A model with a linear head: it starts at a frozen softmax head, whose logits it gives until it is trained."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from w2s_probe.backbones.base import Items, take
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.finetune.encoders import Encoder
from w2s_probe.heads import LinearHead

FAINT = 1e-3  # share of the median deviation below which a feature is faint


class Classifier(torch.nn.Module):
    """An encoder's model and a linear head for this number of classes, on the items of a table.

    `X` are the frozen features of all items. `reset` puts the model's weights back to those that it had here, and the
    head to a frozen one.

    Some features hardly vary: three of MiniLM's 384 deviate by 1e-7 or 1e-32 of the median. A head on standardized
    features has weights of 1e30 there. Through them the gradient of the model would be as large, and clipping would
    leave nothing of the others; without a gradient, they would drift. The part of the logits that comes from faint
    features is therefore fixed: it stays that of the frozen model. Its mean is in the bias of the head.
    """

    def __init__(self, encoder: Encoder, items: Items, X: Features, *, classes: int) -> None:
        super().__init__()
        self.encoder, self.model, self.items = encoder, encoder.module, items
        self.lengths = encoder.lengths(items)
        self.head = torch.nn.Linear(X.shape[1], classes, device=encoder.device)
        self._start = {name: p.detach().clone() for name, p in self.model.named_parameters() if p.requires_grad}
        deviations = np.std(X, axis=0, dtype=np.float64)
        self._faint = np.flatnonzero(deviations < FAINT * np.median(deviations))
        self._X_faint = np.asarray(X[:, self._faint], dtype=np.float64)
        self._fixed = torch.zeros((len(X), classes), device=encoder.device)

    def reset(self, head: LinearHead) -> None:
        """Start again at this head on the features, standardization folded into its weights."""
        coef, fixed = np.array(head.coef), self._X_faint @ head.coef[self._faint]
        coef[self._faint], mean = 0.0, fixed.mean(axis=0)
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                if name in self._start:
                    parameter.copy_(self._start[name])
            self.head.weight.copy_(torch.as_tensor(coef.T))
            self.head.bias.copy_(torch.as_tensor(head.intercept + mean))
            self._fixed.copy_(torch.as_tensor(fixed - mean))

    def logits(self, rows: Rows) -> torch.Tensor:
        """Return logits of these rows of the table, shape (m, K), with gradients."""
        features = self.encoder.features(take(self.items, rows)).to(self.head.weight.dtype)
        logits: torch.Tensor = self.head(features) + self._fixed[rows]
        return logits

    def predict(self, rows: Rows, batch_size: int) -> Float:
        """Return logits of these rows, shape (m, K), in evaluation mode, batch by batch of similar lengths."""
        self.eval()
        order = np.argsort(self.lengths[rows], kind="stable")
        logits = np.empty((len(order), self.head.out_features))
        with torch.no_grad():
            for start in range(0, len(order), batch_size):
                part = order[start : start + batch_size]
                logits[part] = self.logits(rows[part]).float().cpu().numpy()
        return logits

    def weights(self) -> Mapping[str, torch.Tensor]:
        """Return the trained weights by name, on the CPU."""
        trained = ((name, p) for name, p in self.named_parameters() if p.requires_grad)
        return {name: parameter.detach().cpu().contiguous() for name, parameter in trained}
