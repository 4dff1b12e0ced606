"""What a shell offers on TAB: verbs and flags by click; data, columns, backbones and files here.

Nothing here raises an error or loads a model: a shell has no place to show the one, and no time for the other.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

HEAD = 2**16  # bytes or characters of a file that are read for its columns
MOST = 200  # files of a folder that are offered
TABLES = (".csv", ".tsv", ".ndjson", ".jsonl", ".parquet")
FEATURES = (".npy", ".npz", ".safetensors", ".parquet")
SPECIAL = re.compile(r"[^\w@%+=:,./~-]")  # characters that bash does not take as they are
LAST_NAME = re.compile(r"^(.*[,+])?([^,+]*)$", re.DOTALL)  # of several backbones with commas or + between


class Text(type(click.STRING)):  # type: ignore[misc]  # click names no class for it
    """A text whose values the shell can complete."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """Return what may stand in place of an incomplete value."""
        return completed(ctx, param, incomplete)


def complete_values(command: click.Command) -> None:
    """Let the shell complete the values of all texts of a command and its subcommands."""
    for parameter in command.params:
        if parameter.type is click.STRING:
            parameter.type = Text()
    for part in command.commands.values() if isinstance(command, click.Group) else ():
        complete_values(part)


def completed(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Return what may stand in place of an incomplete value of a parameter, which its metavar tells."""
    kind = parameter.metavar if isinstance(parameter, click.Option) else parameter.name
    with suppress(Exception):
        if kind in ("FILE", "FILE.toml", "DIR", "file", "folder"):
            return [CompletionItem(incomplete, type="dir" if kind in ("DIR", "folder") else "file")]
        if kind in ("DATA", "data"):
            values: Iterable[str] = _data(incomplete)
        elif kind == "COLUMN":
            values = _columns(_table(ctx))
        elif kind == "BACKBONE":
            start, last = LAST_NAME.findall(incomplete)[0]
            values = (start + name for name in _backbones(last, _cache(ctx)))
        elif kind in ("FINGERPRINT", "fingerprint"):
            values = _cached(_cache(ctx))
        else:
            return []
        return [CompletionItem(value) for value in values if value.startswith(incomplete) and value.isprintable()]
    return []


def _data(incomplete: str) -> Iterator[str]:
    if incomplete.startswith("builtin:"):
        from w2s_probe.datasets.builtin import BUILT_IN

        yield from (f"builtin:{name}" for name in BUILT_IN)
    else:
        yield "builtin:"
        yield from _files(incomplete, ())


def _backbones(incomplete: str, cache: Path) -> Iterator[str]:
    """Yield names of backbones; what stands after a kind that takes files are files."""
    kind, colon, rest = incomplete.partition(":")
    if not colon:
        from w2s_probe.backbones.registry import kinds_of_backbones

        yield from (f"{name}:" for name in kinds_of_backbones())
    elif kind == "packaged":
        from w2s_probe.backbones.packaged import TEXT_NAMES
        from w2s_probe.backbones.packaged_decoder import DECODER_NAMES
        from w2s_probe.backbones.packaged_images import IMAGE_NAMES

        yield from (f"packaged:{name}" for name in (*TEXT_NAMES, *DECODER_NAMES, *IMAGE_NAMES))
    elif kind == "classic":
        yield from (f"classic:{name}" for name in ("hashing-64", "hashing-256", "pixels-8x8", "pixels-32x32"))
    elif kind == "cached":
        yield from (f"cached:{path.stem}" for path in sorted((cache / "names").glob("*.json")))
    elif kind == "features":
        yield from (f"features:{path}" for path in _files(rest, FEATURES))
    else:
        yield from (f"{kind}:{path}" for path in _files(rest, None))


def _table(ctx: click.Context) -> str:
    """Return the DATA of a line; click leaves arguments before a flag without a value among the rest."""
    takes = any(isinstance(parameter, click.Argument) and parameter.name == "data" for parameter in ctx.command.params)
    return str(ctx.params.get("data") or (ctx.args[0] if takes and ctx.args else ""))


def _cached(cache: Path) -> Iterator[str]:
    from w2s_probe.core.text import shortest_beginnings

    yield from (path.stem for path in sorted((cache / "names").glob("*.json")))
    yield from shortest_beginnings(sorted(path.name for path in (cache / "features").iterdir())).values()


def _cache(ctx: click.Context) -> Path:
    from w2s_probe.core.location import default_cache

    named = ctx.params.get("cache")
    return Path(named) if named else default_cache()


def _files(incomplete: str, suffixes: tuple[str, ...] | None) -> Iterator[str]:
    """Yield the folders whose names begin so, and files that end in one of the suffixes: any if empty, none if None."""
    folder, start = os.path.split(incomplete)
    shown = 0
    with os.scandir(folder or ".") as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not entry.name.startswith(start) or (entry.name.startswith(".") and not start):
                continue
            if entry.is_dir() or (suffixes is not None and entry.name.endswith(suffixes or "")):
                shown += 1
                yield os.path.join(folder, entry.name) + ("/" if entry.is_dir() else "")  # noqa: PTH118  # "./" stays
            if shown == MOST:
                return


def _columns(data: str) -> list[str]:
    """Return the columns of a table, or of the first table in a folder."""
    path = Path(data)
    if data and path.is_dir():
        path = next(file for file in sorted(path.iterdir()) if file.name.removesuffix(".gz").endswith(TABLES))
    if not path.is_file():  # a pipe would be waited for
        return []
    suffix = Path(path.name.removesuffix(".gz")).suffix
    if suffix == ".parquet":
        import polars as pl

        return list(pl.read_parquet_schema(path))
    opened: Any = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as handle:
        text = handle.read(HEAD)
    if suffix in (".csv", ".tsv"):
        return next(csv.reader(io.StringIO(text, newline=""), delimiter="\t" if suffix == ".tsv" else ","))
    return list(json.loads(text.partition("\n")[0])) if suffix in (".ndjson", ".jsonl") else []


class Bash(BashComplete):
    """click's completion for bash, for names with colons: bash ends a word there, and replaces the last part only."""

    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n' response completion type value
    response=$(env COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \
%(complete_var)s=bash_complete "$1" 2>/dev/null)
    COMPREPLY=()
    for completion in $response; do
        IFS=',' read -r type value <<< "$completion"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                COMPREPLY+=("$value")
                if [[ $value == *[:/] ]]; then compopt -o nospace; fi
                ;;
        esac
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""
    ended = ""  # the beginning of the incomplete value that bash has ended

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the whole words before the cursor, and the one that is incomplete."""
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)[1:]
        incomplete = "" if not words or line[-1:].isspace() else words.pop()
        value = incomplete.partition("=")[2] if incomplete.startswith("-") else incomplete
        breaks = re.escape(os.environ.get("COMP_WORDBREAKS", ":="))
        self.ended = re.match(f"(.*[{breaks}])?", value, re.DOTALL)[0] if breaks else ""  # type: ignore[index]
        return words, incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Return the part of a value that replaces bash's last word."""
        return f"{item.type},{SPECIAL.sub(_escaped, item.value.removeprefix(self.ended))}"


def _escaped(special: re.Match[str]) -> str:
    return f"\\{special[0]}"


add_completion_class(Bash)
