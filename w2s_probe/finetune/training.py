"""Training of a model's weights: AdamW, linear warm-up and decay, clipped gradients, exact resume.

The batch, the learning rate and the random numbers of a step are functions of the seed and the number of the step. A
checkpoint therefore holds the trained weights, the optimizer's averages and the number of finished steps. On one CPU
thread, a resumed training gives the weights of an uninterrupted one, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from w2s_probe.core.types import Rows
from w2s_probe.finetune.checkpoints import Checkpoint, Record
from w2s_probe.finetune.divergence import check_finite

SORTED = 50  # batches whose rows are sorted by length together


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Settings of one training.

    Parameters
    ----------
    epochs : int
        Passes over the rows; 0 leaves the weights as they are.
    updates : int, optional
        Number of steps instead of `epochs`; the last epoch then ends after the last step.
    lr : float
        Largest learning rate.
    batch_size : int
        Rows of a step.
    seed : int
        Seed of the order of the rows and of dropout.
    warmup : float
        Share of the steps in which the learning rate rises from 0.
    weight_decay : float
        Decay of matrices; vectors, such as biases, have none.
    clip : float
        Largest norm of the gradient.
    """

    epochs: int = 1
    updates: int | None = None
    lr: float
    batch_size: int = 32
    seed: int = 0
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0

    def rate(self, step: int, total: int) -> float:
        """Return the learning rate of a step, counted from 0.

        Examples
        --------
        >>> [round(Plan(lr=1.0, warmup=0.2).rate(step, 10), 3) for step in (0, 1, 2, 9)]
        [0.5, 1.0, 1.0, 0.125]
        """
        rising = math.ceil(self.warmup * total)
        return self.lr * min((step + 1) / max(rising, 1), (total - step) / max(total - rising, 1), 1.0)

    def batches(self, lengths: Rows, epoch: int) -> list[Rows]:
        """Return the rows of each step of an epoch: shuffled, and sorted by length within `SORTED` batches."""
        rng = np.random.default_rng([self.seed, epoch])
        order, many = rng.permutation(len(lengths)), SORTED * self.batch_size
        parts = [order[start : start + many] for start in range(0, len(order), many)]
        alike = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in parts])
        batches = [alike[start : start + self.batch_size] for start in range(0, len(alike), self.batch_size)]
        return [batches[place] for place in rng.permutation(len(batches))]

    def steps(self, lengths: Rows, *, first: int, total: int) -> Iterator[tuple[int, Rows]]:
        """Yield number and rows of each of `total` steps from `first` on."""
        each = math.ceil(len(lengths) / self.batch_size)
        for epoch in range(first // each, math.ceil(total / each)):
            numbered = enumerate(self.batches(lengths, epoch), start=epoch * each)
            yield from ((step, rows) for step, rows in numbered if first <= step < total)


def train(
    model: torch.nn.Module,
    loss: Callable[[Rows], torch.Tensor],
    *,
    lengths: Rows,
    plan: Plan,
    evaluate: Callable[[], Record] = dict,
    stop: Callable[[Record], bool] | None = None,
    checkpoint: Checkpoint | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> list[Record]:
    """Train the parameters that require gradients, in place, and return a record for each epoch.

    ``loss(rows)`` is the mean loss of some of the rows, of which there are as many as `lengths`. After each epoch
    ``evaluate()`` returns arrays to record; if ``stop(record)``, no epoch follows. `on_step` is called after each step
    with the number of steps done and of all steps. The last step is not saved: that is up to the caller. Raises
    `ConfigError` if weights are not finite after an epoch.
    """
    optimizer = torch.optim.AdamW(_groups(model, plan.weight_decay), lr=plan.lr)
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    device = trained[0].device
    each = math.ceil(len(lengths) / plan.batch_size)
    total = plan.epochs * each if plan.updates is None else plan.updates
    done, records = checkpoint.restore(model, optimizer) if checkpoint else (0, [])
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):  # the caller keeps its numbers
        for step, rows in plan.steps(lengths, first=done, total=total):
            if stop and step and step % each == 0 and stop(records[-1]):
                break
            _set_mode(model)
            torch.manual_seed(int(np.random.SeedSequence([plan.seed, step]).generate_state(1)[0]))
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
                value = loss(rows)
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(trained, plan.clip)
            for group in optimizer.param_groups:
                group["lr"] = plan.rate(step, total)
            optimizer.step()
            done = step + 1
            if done % each == 0 or done == total:
                model.eval()
                check_finite(trained, plan.lr)
                records.append(evaluate())
            if checkpoint and checkpoint.is_due(done) and done < total:
                checkpoint.store(model, optimizer, done, records)
            if on_step:
                on_step(done, total)
    model.eval()
    return records


def _groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return the trained parameters: matrices with decay, and vectors without."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    matrices, vectors = ([p for p in trained if (p.ndim > 1) is large] for large in (True, False))
    return [{"params": p, "weight_decay": decay} for p, decay in ((matrices, weight_decay), (vectors, 0.0)) if p]


def _set_mode(model: torch.nn.Module) -> None:
    """Turn dropout on; batch normalization keeps its statistics, which a batch of a few rows would spoil."""
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):  # noqa: SLF001  # the base class of all of them
            module.eval()
