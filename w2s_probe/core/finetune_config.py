"""Settings of a fine-tune beside those of its run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from w2s_probe.core.errors import require_setting
from w2s_probe.core.limits import MOST_BATCH, require_count
from w2s_probe.core.setting_types import check_types

MOST_EPOCHS = 1000
AUTO_EPOCHS = 3  # epochs of which the best on held-out labels is chosen
RATE = 2e-5  # usual for encoders


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneConfig:
    """How weights are trained.

    Parameters
    ----------
    epochs : int or None
        Passes over the training rows; None is the best of 1 to 3 on a tenth of the training rows, held out with their
        labels or pseudolabels: neither the weights nor the head at which they start learn these rows.
    lr : float or None
        Largest learning rate; None is 2e-5.
    batch_size : int
        Rows of a training step.
    layers : int or None
        Number of blocks, counted from the top, whose weights are trained; None is all.
    lora : bool
        Whether to train adapters of low rank instead of the weights.
    finetune_teacher : bool
        Whether to train the teacher's weights too.
    checkpoint_steps : int
        Steps between two checkpoints.
    """

    epochs: int | None = None
    lr: float | None = None
    batch_size: int = 32
    layers: int | None = None
    lora: bool = False
    finetune_teacher: bool = False
    checkpoint_steps: int = 50

    def __post_init__(self) -> None:
        check_types(self, {})
        require_count(self.epochs, "epochs", least=0, most=MOST_EPOCHS)
        require_count(self.batch_size, "batch_size", least=1, most=MOST_BATCH)
        require_count(self.layers, "layers", least=0, most=MOST_EPOCHS)
        require_count(self.checkpoint_steps, "checkpoint_steps", least=1, most=10**9)
        right = self.lr is None or 0 < self.lr <= 1
        require_setting(right, "lr", "above 0 and at most 1", self.lr, f"Use {RATE:g}, or leave it out.")

    @property
    def rate(self) -> float:
        """Largest learning rate."""
        return RATE if self.lr is None else self.lr

    @property
    def most_epochs(self) -> int:
        """Epochs that are trained."""
        return AUTO_EPOCHS if self.epochs is None else self.epochs

    def with_batch_size(self, batch_size: int) -> FinetuneConfig:
        """Return the same settings with another number of rows of a step.

        Parameters
        ----------
        batch_size : int
            Rows of a training step.
        """
        return replace(self, batch_size=batch_size)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return {**asdict(self), "epochs": "auto" if self.epochs is None else self.epochs, "lr": self.rate}
