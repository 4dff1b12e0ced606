"""The command-line reference in Markdown, from click's own objects."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator

import click

from w2s_probe.cli.main import cli

__all__ = ["reference", "verbs"]

HEAD = """# Command line

Written by `make docs` from the program's own help; change it there. `w2s-probe VERB --help` prints the same.
Where a verb has `--json`, its output is described by a [JSON Schema](schemas).

TAB completes verbs, flags, backbones, `builtin:` names, columns of DATA and fingerprints after
`eval "$(_W2S_PROBE_COMPLETE=bash_source w2s-probe)"` in `~/.bashrc` (in zsh `zsh_source`; in fish
`_W2S_PROBE_COMPLETE=fish_source w2s-probe | source`).
"""


def reference() -> str:
    """Return the page: every verb with its help, its arguments and its options."""
    return "\n".join([HEAD, *(part for name, verb in verbs() for part in _section(name, verb))])


def verbs() -> Iterator[tuple[str, click.Command]]:
    """Yield every verb that does something, as in ``("cache ls", …)``, in alphabetical order."""
    for name, verb in sorted(cli.commands.items()):
        if isinstance(verb, click.Group):
            yield from ((f"{name} {below}", command) for below, command in sorted(verb.commands.items()))
        else:
            yield name, verb


def _section(name: str, verb: click.Command) -> Iterator[str]:
    context = click.Context(verb, info_name=f"w2s-probe {name}")
    yield f"## {name}\n"
    yield f"`{context.command_path} {' '.join(verb.collect_usage_pieces(context))}`\n"
    yield _prose(inspect.cleandoc(verb.help or ""))
    options = [parameter for parameter in verb.params if isinstance(parameter, click.Option)]
    yield "| option | meaning | default |"
    yield "| --- | --- | --- |"
    yield from (_row(option, context) for option in options)
    yield ""


def _prose(help_text: str) -> str:
    """Return help as Markdown; the example, which click does not wrap, becomes a code block."""
    before, _, rest = help_text.partition("\b\nExample:\n")
    example, _, after = rest.partition("\n\n")
    block = f"\n\n```\n{textwrap.dedent(example)}\n```" if example else ""
    return f"{before.strip()}{block}{f'{chr(10) * 2}{after}' if after else ''}\n"


def _row(option: click.Option, context: click.Context) -> str:
    extra = option.get_help_extra(context)
    # Where the default is not a constant, the help text has it: "Number of test rows (default: a third of the rows)."
    text = " ".join((option.help or "").split())
    described = re.search(r" \(default: ([^()]*)\)", text)
    meaning = text.replace(described[0], "") if described else text
    names = ", ".join(f"`{name}`" for name in option.opts)
    takes = "" if option.is_flag else f" `{option.make_metavar(context).removesuffix(' RANGE')}`"
    limits = f" {extra['range']}." if "range" in extra else ""
    required = " Required." if option.required else ""
    default = f"`{extra['default']}`" if "default" in extra else described[1] if described else ""
    stop = "" if meaning.endswith(".") else "."
    cells = (f"{names}{takes}", f"{meaning}{stop}{limits}{required}", default)
    inner = " | ".join(cell.replace("|", r"\|") for cell in cells)
    return f"| {inner} |"
