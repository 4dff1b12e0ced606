"""The group of verbs, and how errors are printed."""

from __future__ import annotations

import io
import re
import signal
import sys
import traceback
from pathlib import Path

import click

from w2s_probe import __version__
from w2s_probe.cli.backbones import backbones
from w2s_probe.cli.cache import cache
from w2s_probe.cli.completion import complete_values
from w2s_probe.cli.demo import demo
from w2s_probe.cli.diagnose import diagnose
from w2s_probe.cli.doctor import doctor
from w2s_probe.cli.embed import embed
from w2s_probe.cli.environment import check_environment
from w2s_probe.cli.failures import Failures, add_traceback_flag, message_of
from w2s_probe.cli.finetune import finetune
from w2s_probe.cli.forecast import forecast
from w2s_probe.cli.interrupts import INTERRUPTS, LINES
from w2s_probe.cli.reason import reason
from w2s_probe.cli.report import report
from w2s_probe.cli.run import run
from w2s_probe.cli.streams import check_streams, flush_or_discard_stdout, replace_unencodable, say
from w2s_probe.cli.sweep import sweep
from w2s_probe.cli.theory import theory


class Verbs(click.Group):
    """A group that refuses a flag given twice, and leaves the message on Ctrl-C to `main`.

    click would take the last value of the flag, and add a blank line to the message.
    """

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb and its arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            _refuse_repeated(command, ctx, rest)
        return name, command, rest

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb."""
        INTERRUPTS.work()
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


for verb in (demo, run, forecast, diagnose, sweep, finetune, reason, theory, report, embed, cache, backbones, doctor):
    cli.add_command(verb)
add_traceback_flag(cli)
complete_values(cli)


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
    """Run the command line without handlers of signals; `w2s_probe.__main__` sets them first."""
    sys.exit(exit_code())


def exit_code() -> int:
    """Run a verb and return its exit code; whatever ends it is one line on stderr.

    The code is 1 for errors, 2 for flags that do not exist, 130 on Ctrl-C and 143 on SIGTERM.
    """
    failures = Failures()
    try:
        replace_unencodable()
        check_streams()
        check_environment()
        code = cli.main(standalone_mode=False, obj=failures)
    except BaseException as error:  # panics of native code are no Exceptions
        code = _failed(error, failures)
    else:
        INTERRUPTS.stop()
        code = code if isinstance(code, int) else 0
    if INTERRUPTS.line:  # also where a library has caught its exception
        say(INTERRUPTS.line, err=True)
        code = INTERRUPTS.exit_code
    flush_or_discard_stdout()
    return code


def _failed(error: BaseException, failures: Failures) -> int:
    """Print an error, unless it comes from a signal that is told elsewhere, and return the exit code."""
    INTERRUPTS.stop()
    if isinstance(error, SystemExit) and _is_ours(error):
        return error.code if isinstance(error.code, int) else 0
    if INTERRUPTS.line:
        return INTERRUPTS.exit_code
    if isinstance(error, (click.exceptions.Abort, KeyboardInterrupt)):
        say(LINES[signal.SIGINT], err=True)
        return INTERRUPTS.exit_code
    if isinstance(error, click.ClickException):
        usage = io.StringIO()
        error.show(file=usage)
        say(usage.getvalue().rstrip("\n"), err=True)
        return error.exit_code
    failures.show(error, as_typed(message_of(error)))
    return 1


def _is_ours(end: SystemExit) -> bool:
    """Return whether a verb, or click after a closed pipe, ended the process; a library must not."""
    last = traceback.extract_tb(end.__traceback__)[-1].filename
    return Path(last).is_relative_to(Path(__file__).parent) or Path(last).is_relative_to(Path(click.__file__).parent)


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
