"""What image models of torch have in common: batches decoded in threads, one forward pass each."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import Backbone, BackboneOptions, Items, Modality
from w2s_probe.backbones.decoding import each_batch
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.files import reason

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image


class ImageModel(Backbone):
    """A torch model with the preprocessing it was trained with.

    Parameters
    ----------
    name : str
        What the user calls it.
    options : BackboneOptions
        Device, threads, batch size.
    """

    modality: Modality = "image"
    packages: tuple[str, ...] = ("timm", "torch", "torchvision", "pillow")  # whose versions are recorded

    def __init__(self, *, name: str, options: BackboneOptions) -> None:
        self.name, self.options = name, options

    @abstractmethod
    def load(self) -> tuple[Any, Callable[[Image], torch.Tensor]]:
        """Return the model, on the CPU, and its preprocessing; errors are put into words by `loaded`."""

    @cached_property
    def loaded(self) -> tuple[Any, Callable[[Image], torch.Tensor]]:
        """The model on its device, ready to infer, and its preprocessing."""
        import torch

        if self.options.threads:
            torch.set_num_threads(self.options.threads)
        try:
            with silent_loggers():
                model, prepare = self.load()
                return model.eval().to(self.options.device), prepare
        except BackboneError:
            raise
        except Exception as error:  # weights and configs come from strangers, and torch asserts its devices
            msg = (
                f"{self.name} must load on device {self.options.device!r}: {said(error)}. "
                "Check that the weights belong to this model, and --device."
            )
            raise BackboneError(msg) from error

    def features(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the features (m, d) of preprocessed images (m, 3, height, width)."""
        return self.loaded[0](batch)

    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return features of shape (n, d)."""
        return np.concatenate(self.batches(items, lambda batch: _rows(self.features(batch))))

    def batches(self, items: Items, forward: Callable[[torch.Tensor], Any]) -> list[Any]:
        """Return what `forward` makes of each batch of preprocessed images."""
        import torch

        _, prepare = self.loaded

        def infer(batch: list[torch.Tensor]) -> Any:
            with torch.inference_mode():
                return forward(torch.stack(batch).to(self.options.device))

        options = self.options
        return each_batch(items, prepare, infer, batch_size=options.batch_size, threads=options.threads)

    def recorded(self) -> Mapping[str, Any]:
        """Return device, threads, batch size and library versions."""
        import torch

        return {
            "device": self.options.device,
            "threads": torch.get_num_threads(),
            "batch_size": self.options.batch_size,
            "versions": {package: version(package) for package in self.packages},
        }


def _rows(features: torch.Tensor) -> NDArray[np.float32]:
    return features.float().cpu().numpy()


@contextmanager
def silent_loggers() -> Iterator[None]:
    """Keep what libraries log off the terminal: whatever matters comes as an exception too."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def said(error: BaseException) -> str:
    """Return what a loader said, in one short line."""
    if type(error).__name__ == "UnpicklingError":  # torch advises to load it all the same
        return "the weights are no plain tensors, and nothing else is ever loaded"
    return reason(error)
