"""``w2s-probe backbones``: what is available, and how to get the rest."""

from __future__ import annotations

import dataclasses
import json

import click

from w2s_probe.cli.options import json_option
from w2s_probe.cli.rim import say
from w2s_probe.results import SCHEMA

__all__ = ["backbones"]


@click.command()
@json_option
def backbones(*, as_json: bool) -> None:
    """List the backbones, installed or not.

    \b
    Example:
      w2s-probe backbones
    """
    from w2s_probe.backbones import list_backbones

    listings = list_backbones()
    if as_json:
        rows = [{**dataclasses.asdict(one), "installed": one.installed, "install": one.install} for one in listings]
        click.echo(json.dumps({"schema": SCHEMA, "backbones": rows}))
        return
    for one in listings:
        say(f"{one.name}  ({one.takes}; {one.license})\n    {one.what}")
        say(f"    {'installed' if one.installed else one.install}")
    say("features:FILE\n    features computed elsewhere: .npy, .npz, .safetensors, .parquet")
