"""Frozen models that turn texts and images into features."""

from w2s_probe.backbones.base import Backbone, BackboneOptions
from w2s_probe.backbones.check import check_backbone
from w2s_probe.backbones.registry import get_backbone, list_backbones

__all__ = ["Backbone", "BackboneOptions", "check_backbone", "get_backbone", "list_backbones"]
