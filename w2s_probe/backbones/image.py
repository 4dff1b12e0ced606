"""Base class of torch's image models: threads decode the images, each batch is one forward pass."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import Backbone, BackboneOptions, Items, Modality, torch_record
from w2s_probe.backbones.decoding import map_batches
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.files import reason

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
        try:
            with silent_loggers():
                model, prepare = self.load()
                return model.eval().to(self.options.device), prepare
        except BackboneError:
            raise
        except Exception as error:  # weights and configs may be crafted, and torch asserts its devices
            msg = (
                f"{self.name} must load on device {self.options.device!r}: {load_reason(error)}. "
                "Check --device, and that the weights belong to this model."
            )
            raise BackboneError(msg) from error

    def features(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the features (m, d) of preprocessed images (m, 3, height, width)."""
        return self.loaded[0](batch)

    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return features of shape (n, d)."""
        return np.concatenate(self.batches(items, lambda batch: _rows(self.features(batch))))

    def batches(self, items: Items, forward: Callable[[torch.Tensor], Any]) -> list[Any]:
        """Return the result of `forward` for each batch of preprocessed images."""
        import torch

        _, prepare = self.loaded

        def infer(batch: list[torch.Tensor]) -> Any:
            with torch.inference_mode():
                return forward(torch.stack(batch).to(self.options.device))

        options = self.options
        return map_batches(items, prepare, infer, batch_size=options.batch_size, threads=options.threads)

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


def load_reason(error: BaseException) -> str:
    """Return the message of a loader's error as one short line."""
    if type(error).__name__ == "UnpicklingError":  # torch's message advises to load the file nevertheless
        return "the file holds objects other than tensors, which are never loaded"
    return reason(error)
