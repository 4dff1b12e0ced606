"""What ends a verb, as one line for the user: errors that we raise, and errors that nobody foresaw."""

from __future__ import annotations

import errno
import os
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import click

from w2s_probe.cli.streams import say
from w2s_probe.core.errors import W2SProbeError
from w2s_probe.core.text import visible

LONGEST = 1000  # characters of a message
MESSAGES: dict[type[BaseException], str] = {
    MemoryError: "the computation must fit into memory: got {}. Use fewer rows or features, or --threads 1; a limit of "
    "the shell (ulimit -v) counts too.",
    RecursionError: "input files must not be nested deeply: got {}. Flatten the file.",
    UnicodeError: "names and texts must be valid Unicode: got {}. Rename the file, or save it again in UTF-8.",
    ImportError: "installed packages must load: got {}. Check w2s-probe doctor, and the memory that the shell allows "
    "(ulimit -v).",
    OSError: "files and output must be writable: got {}. Check the place, its rights and its space.",
}


@dataclass(slots=True)
class Failures:
    """Whether the traceback of an error is printed before its line: with ``--traceback`` or W2S_PROBE_TRACEBACK=1."""

    traceback: bool = field(default_factory=lambda: bool(os.environ.get("W2S_PROBE_TRACEBACK")))

    def show(self, error: BaseException, message: str) -> None:
        """Print an error on stderr."""
        if self.traceback:
            say("".join(traceback.format_exception(error)).rstrip("\n"), err=True)
        say(f"error: {one_line(message)}", err=True)


def add_traceback_flag(command: click.Command) -> None:
    """Give ``--traceback`` to a command and all its subcommands."""
    flag = click.Option(
        ["--traceback"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_ask_for_traceback,
        help="Print the traceback of an error before its line.",
    )
    command.params.append(flag)
    for part in command.commands.values() if isinstance(command, click.Group) else ():
        add_traceback_flag(part)


def _ask_for_traceback(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001  # click's order
    failures = context.find_object(Failures)
    if value and failures is not None:
        failures.traceback = True


def message_of(error: BaseException) -> str:
    """Return what an error says to the user, also one that nobody foresaw."""
    if isinstance(error, W2SProbeError):
        return str(error)
    text = _text(error)
    no_memory = isinstance(error, OSError) and error.errno == errno.ENOMEM
    for kind, message in MESSAGES.items():
        if isinstance(error, kind) or (no_memory and kind is MemoryError):
            return message.format(text or "no more memory")
    if isinstance(error, ValueError) and "null byte" in text:  # only a configuration file or a program can give one
        return "names of files must hold no NUL character: got one. Remove it."
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" in {Path(where[0].filename).name}, line {where[0].lineno}" if where else ""
    return (
        f"this input must not stop w2s_probe, which is a fault of ours: got {type(error).__name__}: {text}{place}. "
        "Report the command, with the traceback that --traceback prints."
    )


def one_line(text: str) -> str:
    """Return a message as one line of at most `LONGEST` characters, with control characters as escapes."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failure:  # an error of a library may fail to describe itself
        return f"an error without a text ({type(failure).__name__})"
