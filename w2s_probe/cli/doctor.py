"""``w2s-probe doctor``: check the installation."""

from __future__ import annotations

import sys

import click

from w2s_probe.cli.options import json_option
from w2s_probe.cli.streams import say, say_json
from w2s_probe.core.serialize import to_json


@click.command()
@click.option("--cache", metavar="DIR", help="Feature cache to check.")
@json_option
def doctor(*, cache: str | None, as_json: bool) -> None:
    """Check the installation.

    \b
    Example:
      w2s-probe doctor

    Checks Python, packages, plug-ins, linear algebra and the cache; the exit code is 1 if something is broken.
    """
    from w2s_probe.cli.installation import check_installation, loaded_blas
    from w2s_probe.cli.outputs import Installation

    checks = check_installation(cache)
    if as_json:
        say_json(to_json(Installation(checks=tuple(checks), blas=tuple(loaded_blas()))))
    else:
        for check in checks:
            mark = "ok     " if check.ok else "missing" if check.optional else "BROKEN "
            say(f"{mark} {check.name:22} {check.found}" + (f"\n        {check.mend}" if check.mend else ""))
    sys.exit(0 if all(check.ok or check.optional for check in checks) else 1)
