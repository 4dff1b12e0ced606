"""Text and JSON for stdout and stderr, in any encoding and where a stream cannot be written."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys

import click

from w2s_probe.core.errors import ConfigError
from w2s_probe.core.look_alikes import HANDLER
from w2s_probe.core.text import visible

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def say(text: str, *, err: bool = False) -> None:
    """Print lines for a person; control characters are printed as escapes.

    An error that stderr cannot take is lost, so that the exit code stays the one of the error.
    """
    with contextlib.suppress(OSError) if err else contextlib.nullcontext():
        for line in text.split("\n"):
            click.echo(visible(line), file=sys.stderr if err else sys.stdout)


def say_json(text: str) -> None:
    """Print JSON; if stdout cannot encode a character, all beyond ASCII are printed as JSON escapes."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = _NOT_ASCII.sub(lambda match: json.dumps(match[0])[1:-1], text)
    click.echo(text, file=sys.stdout)


def check_streams() -> None:
    """Raise `ConfigError` if stdout is closed, before anything is computed for it.

    A closed descriptor goes to the next file that is opened, so that what a library prints would land in that file:
    stdin, stdout and stderr are opened as nowhere instead.
    """
    closed = sys.stdout is None
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if closed:
        msg = "stdout must be open for the results: it is closed. Write them to a file (> FILE) or to /dev/null."
        raise ConfigError(msg)


def replace_unencodable() -> None:
    """Let stdout and stderr replace characters that they cannot encode, where they would raise an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors=HANDLER)


def flush_or_discard_stdout() -> None:
    """Write what stdout still holds; if that fails, let it go nowhere: the interpreter would try again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
    except (ValueError, AttributeError):  # closed, or None
        return
