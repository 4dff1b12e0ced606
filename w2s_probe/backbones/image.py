"""Base class of torch's image models: threads decode the images, each batch is one forward pass."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import Backbone, BackboneOptions, Items, Modality, sliced, take, torch_record
from w2s_probe.backbones.decoding import mapped_batches
from w2s_probe.backbones.identity import HashedFiles
from w2s_probe.backbones.loading import loading, one_line
from w2s_probe.core.types import Rows

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image


class ImageModel(Backbone):
    """A torch model with the preprocessing of its training."""

    modality: Modality = "image"
    packages: tuple[str, ...] = ("timm", "torch", "torchvision", "pillow")  # whose versions are recorded

    def __init__(self, *, name: str, options: BackboneOptions) -> None:
        self.name, self.options = name, options

    @abstractmethod
    def load(self) -> tuple[Any, Callable[[Image], torch.Tensor]]:
        """Return the model, on the CPU, and its preprocessing; `loaded` turns errors into messages."""

    @cached_property
    def loaded(self) -> tuple[Any, Callable[[Image], torch.Tensor]]:
        """The model on its device, in evaluation mode, and its preprocessing."""
        import torch

        if self.options.threads:
            torch.set_num_threads(self.options.threads)
        # by default, convolutions on a GPU round to ten bits: features of a GPU would differ by more than rounding
        torch.backends.cudnn.allow_tf32 = False
        with self.one_line("load"), silent_loggers(), loading(*self.parts, also=self.also_opened):
            model, prepare = self.load()
            return model.eval().to(self.options.torch_device), prepare

    @property
    @abstractmethod
    def files(self) -> HashedFiles:
        """The files of the model, hashed before they are loaded."""

    @property
    def parts(self) -> tuple[HashedFiles, ...]:
        """All files that decide the features: `files`, and those that a configuration names elsewhere."""
        return (self.files,)

    @property
    def also_opened(self) -> tuple[Path, ...]:
        """Other files and folders that loading may open, since they cannot change the features."""
        return ()

    def one_line(self, duty: str) -> AbstractContextManager[None]:
        """Turn what the model's code raises into `BackboneError`."""
        return one_line(self.name, duty, device=self.options.torch_device, place=self.place)

    @property
    def place(self) -> Path:
        """The file of weights, or the folder of the model."""
        return next(iter(self.files.files.values()))

    def features(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the features (m, d) of preprocessed images (m, 3, height, width)."""
        return self.loaded[0](batch)

    def forward(self, others: Sequence[Backbone], batch: torch.Tensor) -> list[NDArray[np.float32]]:
        """Return the features of this backbone and of `others` of its family for one batch."""
        return [_rows(member.features(batch)) for member in (self, *others) if isinstance(member, ImageModel)]

    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return features of shape (n, d)."""
        return self.encode_together([], items)[0]

    def encode_together(self, others: Sequence[Backbone], items: Items) -> list[NDArray[np.float32]]:
        """Return the features of this backbone and of `others` of its family, from one forward pass."""
        batches = self.encode_slices(others, [take(items, rows) for rows in self.slices(items)])
        return [np.concatenate(parts) for parts in zip(*batches, strict=True)]

    def slices(self, items: Items) -> list[Rows]:
        """Return the batches of a forward pass, in order."""
        return sliced(np.arange(len(items)), self.options.batch_size)

    def encode_slices(self, others: Sequence[Backbone], parts: Sequence[Items]) -> Iterator[list[NDArray[np.float32]]]:
        """Yield the features of each batch; threads decode the next one meanwhile."""
        import torch

        _, prepare = self.loaded

        def infer(batch: list[torch.Tensor]) -> list[NDArray[np.float32]]:
            with torch.inference_mode():
                return self.forward(others, torch.stack(batch).to(self.options.torch_device))

        batches = [(part, range(len(part))) for part in parts]
        with closing(mapped_batches(batches, prepare, infer, threads=self.options.threads)) as computed:
            for _ in parts:
                with self.one_line("compute features"):
                    features = next(computed)
                self.files.check("used")  # weights may be read from the file as they are used
                yield features

    def recorded(self) -> Mapping[str, Any]:
        """Return device, threads, batch size and library versions."""
        return torch_record(self.options, self.packages)


def _rows(features: torch.Tensor) -> NDArray[np.float32]:
    return features.float().cpu().numpy()


@contextmanager
def silent_loggers() -> Iterator[None]:
    """Keep log messages of libraries off the terminal: problems are raised as exceptions too."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
