"""Backbones whose packages are missing, for the rows whose features came with w2s_probe."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import numpy as np

from w2s_probe.backbones import Backbone, BackboneOptions
from w2s_probe.backbones.base import Items, Modality
from w2s_probe.cache import SHIPPED, FeatureStore, item_digests, shipped_spec
from w2s_probe.core.errors import MissingExtraError
from w2s_probe.core.features import EmbeddingSpec, FeatureSet


class ShippedBackbone(Backbone):
    """A text model that is not installed: its features are read from the cache, and none can be computed."""

    modality: Modality = "text"

    def __init__(self, name: str, spec: EmbeddingSpec, *, missing: MissingExtraError) -> None:
        self.name, self.missing, self.shipped = name, missing, spec

    @property
    def spec(self) -> EmbeddingSpec:
        """The spec of the shipped features."""
        return self.shipped

    def encode(self, items: Items) -> NoReturn:
        """Raise the error that says how to install the model."""
        raise self.missing


def shipped_backbone(name: str, options: BackboneOptions, missing: MissingExtraError) -> Backbone:
    """Return a stand-in for a backbone that is not installed, if features of it came with the package.

    Raises
    ------
    MissingExtraError
        If there are none.
    """
    spec = shipped_spec(name)
    if spec is None:
        raise missing
    others = "" if options.dtype in (None, spec.dtype) else f" with --dtype {spec.dtype}"
    advice = f"{missing} Without it, {name} is known only for builtin:vader-movie{others}."
    backbone = ShippedBackbone(name, spec, missing=MissingExtraError(advice))
    backbone.dtype = options.dtype
    if options.on_note:
        options.on_note(
            f"{name} is not installed: its features of builtin:vader-movie, in {spec.dtype}, came with w2s_probe"
        )
    return backbone


def shipped_difference(features: FeatureSet, items: Items, store: FeatureStore) -> float:
    """Return the largest distance of a shipped row from the computed one, in norms of the computed row.

    Parameters
    ----------
    features : FeatureSet
        Computed features, a row for each of `items`.
    items : sequence of str
        Texts whose features are shipped.
    store : FeatureStore
        Cache of the computed features.

    Raises
    ------
    CacheError
        If the features of this very spec and of these texts are not shipped.
    """
    shipped_type = shipped_spec(features.spec.backbone) or features.spec
    layered = FeatureStore(store.root, below=SHIPPED)
    shipped = layered.read(replace(features.spec, dtype=shipped_type.dtype), item_digests(items))
    computed = np.asarray(features.X, dtype=np.float64)
    distance = np.linalg.norm(shipped - computed, axis=1)
    return float(np.max(distance / np.maximum(np.linalg.norm(computed, axis=1), np.finfo(float).tiny)))
