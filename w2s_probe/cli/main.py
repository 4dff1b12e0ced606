"""The group of verbs, and how errors are printed."""

from __future__ import annotations

import io
import os
import re
import sys
import traceback
from pathlib import Path

import click

from w2s_probe import __version__
from w2s_probe.cli.backbones import backbones
from w2s_probe.cli.cache import cache
from w2s_probe.cli.demo import demo
from w2s_probe.cli.diagnose import diagnose
from w2s_probe.cli.doctor import doctor
from w2s_probe.cli.embed import embed
from w2s_probe.cli.forecast import forecast
from w2s_probe.cli.report import report
from w2s_probe.cli.run import run
from w2s_probe.cli.streams import flush_or_discard_stdout, replace_unencodable, say
from w2s_probe.cli.sweep import sweep
from w2s_probe.cli.theory import theory
from w2s_probe.core.errors import W2SProbeError
from w2s_probe.core.text import visible

LONGEST = 1000  # characters of a message


class Verbs(click.Group):
    """A group that refuses a flag given twice, and leaves the message on Ctrl-C to `main`.

    click would take the last value of the flag, and add a blank line to the message.
    """

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb and its arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            _refuse_repeated(command, ctx, rest)
        return name, command, rest

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise click.exceptions.Abort from error


@click.group(
    cls=Verbs,
    subcommand_metavar="VERB [ARGS]",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="w2s-probe")
def cli() -> None:
    """Find out whether weak-to-strong training will work, before paying for it.

    \b
    w2s-probe demo                          the whole job on real data
    w2s-probe run table.csv --text text \\
        --teacher packaged:wordllama --student packaged:minilm-l6
    """


for verb in (demo, run, forecast, diagnose, sweep, theory, report, embed, cache, backbones, doctor):
    cli.add_command(verb)


def _refuse_repeated(command: click.Command, context: click.Context, arguments: list[str]) -> None:
    """Raise `UsageError` if a flag that takes one value is there twice; click raises other mistakes later."""
    context = click.Context(command, info_name=command.name, parent=context)
    if isinstance(command, click.Group):
        part = command.commands.get(arguments[0]) if arguments else None
        if part is not None:
            _refuse_repeated(part, context, arguments[1:])
        return
    try:
        _, _, order = command.make_parser(context).parse_args(args=list(arguments))
    except click.UsageError:
        return
    for option in dict.fromkeys(parameter for parameter in order if isinstance(parameter, click.Option)):
        if order.count(option) > 1 and not (option.multiple or option.is_flag or option.count):
            msg = (
                f"{_typed(option, arguments)} takes one value: got the flag {order.count(option)} times. Give it once."
            )
            raise click.UsageError(msg, ctx=context)


def _typed(option: click.Option, arguments: list[str]) -> str:
    """Return the forms of a flag that stand in the arguments, such as ``-n and --n-labeled``."""
    forms = [form for form in option.opts if any(_is_form(form, argument) for argument in arguments)]
    return " and ".join(forms) if len(forms) < 2 else f"{' and '.join(forms)} are one flag, which"


def _is_form(form: str, argument: str) -> bool:
    attached = form + "=" if form.startswith("--") else form
    return argument == form or (argument.startswith(attached) and not (attached == form and argument.startswith("--")))


def main() -> None:
    """Run the command line; a mistake of the user is one line on stderr and exit code 1."""
    replace_unencodable()
    sys.exit(_exit_code())


def _exit_code() -> int:
    """Run a verb and return its exit code; no error becomes a traceback unless W2S_PROBE_TRACEBACK is set."""
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        say("interrupted; what is cached stays valid", err=True)
        return 130
    except click.ClickException as error:
        usage = io.StringIO()
        error.show(file=usage)
        say(usage.getvalue().rstrip("\n"), err=True)
        return error.exit_code
    except Exception as error:
        if os.environ.get("W2S_PROBE_TRACEBACK") and not isinstance(error, W2SProbeError):
            raise
        say("error: " + _one_line(as_typed(_message(error))), err=True)
        flush_or_discard_stdout()
        return 1
    return code if isinstance(code, int) else 0


def _message(error: Exception) -> str:
    """Return what an error says to the user, also one that nobody foresaw."""
    if isinstance(error, W2SProbeError):
        return str(error)
    if isinstance(error, MemoryError):
        return (
            f"the computation must fit into memory: got {str(error) or 'no more memory'}. Use fewer rows or features."
        )
    if isinstance(error, RecursionError):
        return "input files must not be nested deeply: got more levels than can be read. Flatten the file."
    if isinstance(error, OSError):
        return f"files and output must be writable: got {error}. Check the place, its rights and its space."
    line = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"this input must not stop w2s_probe, which is a fault of ours: got {type(error).__name__}: {error} in "
        f"{Path(line.filename).name}, line {line.lineno}. Report the command, with the traceback that "
        "W2S_PROBE_TRACEBACK=1 prints."
    )


def as_typed(message: str) -> str:
    """Return a message in which every setting in backticks is replaced by its flag."""
    flags = flag_of_fields(cli)
    return re.sub(r"`(\w+)`", lambda match: flags.get(match[1], match[0]), message)


def flag_of_fields(command: click.Command) -> dict[str, str]:
    """Return the flag of each setting of a command and its subcommands, in the form that the help shows first."""
    flags = {
        option.name: option.opts[0] for option in command.params if isinstance(option, click.Option) and option.name
    }
    for part in command.commands.values() if isinstance(command, click.Group) else ():
        flags = {**flag_of_fields(part), **flags}
    return flags


def _one_line(text: str) -> str:
    """Return a message as one line of at most `LONGEST` characters."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
