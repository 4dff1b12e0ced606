"""``w2s-probe backbones``: available backbones, and how to install the others."""

from __future__ import annotations

import click

from w2s_probe.cli.options import json_option
from w2s_probe.cli.streams import say, say_json
from w2s_probe.core.serialize import to_json


@click.command()
@json_option
def backbones(*, as_json: bool) -> None:
    """List the backbones, installed or not.

    \b
    Example:
      w2s-probe backbones
    """
    from w2s_probe.backbones import list_backbones
    from w2s_probe.cli.outputs import Catalog

    listings = list_backbones()
    if as_json:
        say_json(to_json(Catalog(backbones=tuple(listings))))
        return
    for backbone in listings:
        say(f"{backbone.name}  ({backbone.takes}; {backbone.license})\n    {backbone.what}")
        unusable = f"cannot be used: {backbone.problem}" if backbone.problem else backbone.install
        say(f"    {'installed' if backbone.installed else unusable}")
    say("cached:NAME\n    features of the cache, by the name of `cache import` or by the beginning of a fingerprint")
    say("features:FILE\n    features computed elsewhere: .npy, .npz, .safetensors, .parquet, .parquet#COLUMN")
