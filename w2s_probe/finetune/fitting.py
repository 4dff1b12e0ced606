"""One fine-tune: a classifier trained on the rows of a task, with the logits on the test rows after each epoch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from w2s_probe.core.blocks import random_order
from w2s_probe.core.errors import ConfigError, W2SProbeError
from w2s_probe.core.finetune_config import FinetuneConfig
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.core.writing import write_file
from w2s_probe.finetune.checkpoints import Checkpoint, Record, key_of
from w2s_probe.finetune.classifier import Classifier
from w2s_probe.finetune.divergence import check_finite
from w2s_probe.finetune.losses import loss_rows
from w2s_probe.finetune.parameters import less_memory
from w2s_probe.finetune.tasks import Task
from w2s_probe.finetune.training import Plan, train
from w2s_probe.finetune.tuned import Tuned
from w2s_probe.heads import LinearHead
from w2s_probe.heads.fit import fit_head

REVISION = 2  # of the code that trains: one more whenever other weights come out
HELD_OUT = 0.1  # share of the training rows on which the number of epochs is chosen


@dataclass(frozen=True, eq=False, kw_only=True)
class Fitter:
    """Fine-tunes the tasks of a run on the items of a table.

    Parameters
    ----------
    classifier : Classifier
        The model with its head, and the items of all rows of the table.
    digests : array of bytes, shape (rows,)
        A hash of each item.
    X : array of shape (rows, d)
        Frozen features, for heads that must not see held-out rows.
    blocks : array of int, shape (rows,)
        Rows with equal numbers are held out together.
    config : FinetuneConfig
        Epochs, learning rate, batch size.
    origin : str
        What else decides the weights: the model's files, and which parameters are trained.
    folder : Path or None
        Folder of checkpoints and of finished fits; None keeps nothing.
    save_weights : bool
        Whether to keep the trained weights in the folder.
    """

    classifier: Classifier
    digests: NDArray[np.bytes_]
    X: Features
    blocks: Rows
    config: FinetuneConfig
    origin: str
    folder: Path | None = None
    save_weights: bool = False

    def fit(
        self,
        task: Task,
        *,
        seed: int,
        test: Rows,
        frozen_scores: Float,
        pool: Rows | None = None,
        on_step: Callable[[int, int], None] | None = None,
    ) -> tuple[Tuned, Path | None]:
        """Return the fine-tuned system, and the file of its weights if they are saved.

        `test` are the test rows, `frozen_scores` the frozen system's logits on them, shape (m, K). With `pool`, the
        system's logits on these rows are returned too.
        """
        config, auto = self.config, self.config.epochs is None
        wanted = test if pool is None else np.concatenate([test, pool])
        rows, apart = np.arange(len(task.rows)), np.array([], dtype=np.intp)
        if auto:
            rows, apart = _parts(self.blocks[task.rows], seed)
            task = replace(task, head=self._head_on(task, rows))
        plan = Plan(epochs=config.most_epochs, lr=config.rate, batch_size=config.batch_size, seed=seed)
        self.classifier.reset(task.head)
        key = self._key(task, plan, wanted, auto=auto)
        weights = self.folder / f"{key}.weights.safetensors" if self.folder and self.save_weights else None
        losses = _Losses(self.classifier, task)

        def evaluate() -> Record:
            logits = self.classifier.predict(wanted, config.batch_size)
            check_finite([torch.as_tensor(logits)], config.rate)
            loss = losses.mean(apart, config.batch_size) if auto else np.nan
            if weights is not None and not loss > _saved_loss(weights):
                write_file(weights, save(dict(self.classifier.weights()), {"loss": repr(loss)}))
            return {"logits": logits, "loss": np.array(loss)}

        with memory_errors(config):
            if plan.epochs == 0:
                records: list[Record] = [evaluate()]
            else:
                checkpoint = self._checkpoint(key, weights)
                records = train(
                    self.classifier,
                    lambda batch: losses.of(rows[batch]),
                    lengths=self.classifier.lengths[task.rows[rows]],
                    plan=plan,
                    evaluate=evaluate,
                    checkpoint=checkpoint,
                    on_step=on_step,
                )
                if checkpoint:
                    checkpoint.finish(records)
        return _tuned(task, records, frozen_scores, config, m=len(test), auto=auto), weights

    def _head_on(self, task: Task, places: Rows) -> LinearHead:
        """Return the frozen head of some rows of a task, by their positions, with the strength of its own head."""
        weights = None if task.weights is None else task.weights[places]
        options = replace(task.options, alpha=task.head.alpha)
        return fit_head(self.X[task.rows[places]], task.targets[places], options, sample_weight=weights)

    def _checkpoint(self, key: str, weights: Path | None) -> Checkpoint | None:
        if self.folder is None:
            return None
        path = self.folder / f"{key}.safetensors"
        return Checkpoint(path=path, key=key, steps=self.config.checkpoint_steps, weights=weights)

    def _key(self, task: Task, plan: Plan, wanted: Rows, *, auto: bool) -> str:
        """Return the hash of what decides the weights; the classifier stands at the start of the task."""
        digest = hashlib.sha256()
        start = self.classifier.head.bias.detach().cpu().numpy()  # with the mean over the table of what stays fixed
        arrays = (task.targets, task.weights, task.head.coef, task.head.intercept, start, self.digests[wanted])
        for array in (self.digests[task.rows], *arrays):
            digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        facts: dict[str, Any] = {
            "revision": REVISION,
            "origin": self.origin,
            "task": repr(task.options),
            "rows": digest.hexdigest(),
        }
        device = self.classifier.encoder.device.partition(":")[0]
        return key_of(plan=repr(plan), auto=auto, device=device, weights=self.save_weights, **facts)


@contextmanager
def memory_errors(config: FinetuneConfig) -> Iterator[None]:
    """Turn a lack of memory into one line with the batch size to try."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        of_torch = isinstance(error, RuntimeError) and not isinstance(error, W2SProbeError)
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and not (of_torch and "memory" in str(error)):
            raise
        size = config.batch_size
        way = f"`batch_size` {size // 2}" if size > 1 else less_memory(layers=config.layers, lora=config.lora)
        msg = f"training needs more memory than there is: got `batch_size` {size}. Use {way}."
        raise ConfigError(msg) from error


class _Losses:
    """The losses of a task's rows, by their positions among these rows."""

    def __init__(self, classifier: Classifier, task: Task) -> None:
        self.classifier, self.rows, self.options = classifier, task.rows, task.options
        device = classifier.encoder.device
        weights = np.ones(len(task.rows)) if task.weights is None else task.weights / task.weights.mean()
        self.targets = torch.as_tensor(task.targets, dtype=torch.float32, device=device)
        self.weights = torch.as_tensor(weights, dtype=torch.float32, device=device)

    def of(self, places: Rows) -> torch.Tensor:
        """Return the mean of weight times loss of some rows."""
        logits = self.classifier.logits(self.rows[places]).float()
        return (self.weights[places] * loss_rows(logits, self.targets[places], self.options)).mean()

    def mean(self, places: Rows, batch_size: int) -> float:
        """Return the same number in evaluation mode."""
        logits = torch.as_tensor(self.classifier.predict(self.rows[places], batch_size))
        of_rows = loss_rows(logits, self.targets[places].cpu().double(), self.options)
        return float((self.weights[places].cpu() * of_rows).mean())


def _parts(blocks: Rows, seed: int) -> tuple[Rows, Rows]:
    """Return the positions to train on and those held out, in whole blocks; a single block is both."""
    order, n = random_order([seed, 11], blocks), len(blocks)
    starts = np.flatnonzero(np.diff(blocks[order], prepend=-1))  # of blocks
    if len(starts) < 2:
        return np.arange(n), np.arange(n)
    apart = starts[1:][np.abs(starts[1:] - HELD_OUT * n).argmin()]
    return np.sort(order[apart:]), np.sort(order[:apart])


def _tuned(
    task: Task, records: list[Record], frozen_scores: Float, config: FinetuneConfig, *, m: int, auto: bool
) -> Tuned:
    """Return the system after the epoch with the lowest held-out loss, or after the last one."""
    logits = [np.asarray(record["logits"]) for record in records]
    held_out = [float(record["loss"]) for record in records] if auto else []
    epochs = 1 + int(np.argmin(held_out)) if auto else config.most_epochs
    ahead: list[Float] = [] if config.most_epochs == 0 else [frozen_scores]
    last = logits[max(epochs, 1) - 1]
    return Tuned(
        frozen=task.frozen,
        logits=[*ahead, *(of_epoch[:m] for of_epoch in logits)],
        held_out=held_out,
        epochs=epochs,
        lr=config.rate,
        chosen_by=task.chosen_by if auto else "given",
        pool=last[m:],
    )


def _saved_loss(path: Path) -> float:
    """Return the held-out loss of saved weights, NaN where none was computed; infinity without a readable file."""
    try:
        with safe_open(path, framework="pt") as file:
            return float((file.metadata() or {}).get("loss", "inf"))
    except (OSError, SafetensorError):
        return np.inf
