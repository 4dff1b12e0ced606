"""``w2s-probe sweep``: weak-to-strong on a grid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click

from w2s_probe.cli.options import (
    comma_separated,
    config_option,
    cue_from,
    data_from,
    data_options,
    json_option,
    runtime_options,
    settings_from,
    sweep_options,
)
from w2s_probe.core.config import SweepConfig
from w2s_probe.core.errors import ConfigError, did_you_mean

CHOSEN = "chosen"
HEADS = {"ridge": "ridge", "softmax": "softmax", "logistic": "softmax"}
MOST_JOBS = 1024


@click.command()
@data_options
@sweep_options
@runtime_options
@click.option(
    "--jobs",
    type=click.IntRange(1, MOST_JOBS),
    default=1,
    show_default=True,
    help="Processes; each takes a pair and a seed at a time.",
)
@click.option(
    "--out",
    metavar="DIR",
    help="Write result.json, results.parquet, report.html and report.md there, and finished cells below.",
)
@config_option
@json_option
def sweep(**values: Any) -> None:
    """Measure weak-to-strong in every cell of a grid.

    Every axis is a list with commas between, or an array in --config: sizes, strengths, backbones, strategies,
    heads, seeds. A cell is what `run` finds at the same sizes and seed; smaller sizes lie inside larger
    ones. With --out, cells that are finished are kept in DIR/cells: a sweep that was stopped goes on where it
    was, and one with more sizes, seeds or backbones fits only what is new.

    \b
    Example:
      w2s-probe sweep builtin:digits --teacher classic:pixels-3x3 \\
          --student classic:pixels-8x8 -n 50,100,200 -N 400,800 --out out/sweep
    """
    _execute(**values)


def _execute(
    *,
    teachers: tuple[str, ...],
    students: tuple[str, ...],
    cache_root: str | None,
    device: str,
    threads: int | None,
    batch_size: int,
    dtype: Literal["float32", "float16"] | None,
    quiet: bool,
    out: str | None,
    as_json: bool,
    jobs: int,
    split_file: str | None,
    **values: Any,
) -> None:
    from w2s_probe.backbones import BackboneOptions
    from w2s_probe.cli.runtime import fetched_line, limited_threads, open_store, progress_bars, say
    from w2s_probe.pipeline import sweep as sweeping
    from w2s_probe.report import save
    from w2s_probe.report.sweep.text import sweep_text

    config = _config(values)
    with limited_threads(threads), progress_bars(quiet=quiet) as on_progress:
        done = sweeping.sweep(
            data_from(values),
            config,
            teachers=_distinct("--teacher", teachers),
            students=_distinct("--student", students),
            store=open_store(cache_root),
            options=BackboneOptions(device=device, threads=threads, batch_size=batch_size, dtype=dtype),
            split_file=Path(split_file) if split_file else None,
            folder=Path(out) / "cells" if out else None,
            jobs=jobs,
            on_progress=on_progress,
        )
    if out:
        save(done.result, Path(out))
    if as_json:
        click.echo(done.result.to_json())
    else:
        for fetched in done.fetched:
            say(fetched_line(fetched))
        say(sweep_text(done.result))
    for note in done.result.notes:
        say(f"note: {note}", err=as_json)
    if out and not as_json:
        say(f"wrote {out}/result.json, results.parquet, report.html and report.md")


def _config(values: dict[str, Any]) -> SweepConfig:
    shared = ("task", "n_test", "scale", "pseudolabels", "ceiling", "level", "group_by", "eta_test", "balance_classes")
    return SweepConfig(
        n_labeled=_numbers("-n", values["n_labeled"], int) or (None,),
        n_unlabeled=_numbers("-N", values["n_unlabeled"], int) or (None,),
        teacher_alpha=_strengths("--teacher-alpha", values["teacher_alpha"]),
        student_alpha=_strengths("--student-alpha", values["student_alpha"]),
        head=tuple(_head(name) for name in comma_separated(values["head"])) or SweepConfig().head,
        strategies=tuple(comma_separated(values["strategies"])),
        seeds=_seeds(values["seed"], values["seeds"]),
        settings=settings_from(values),
        cue=cue_from(values),
        eta_labeled=_etas("--eta-labeled", values["eta_labeled"]),
        eta_unlabeled=_etas("--eta-unlabeled", values["eta_unlabeled"]),
        **{name: values[name] for name in shared},
    )


def _seeds(listed: tuple[str, ...], count: int | None) -> tuple[int, ...]:
    seeds = _numbers("--seed", listed, int)
    if len(seeds) > 1:
        if count is not None:
            msg = (
                f"--seed must be one seed where --seeds counts from it: got {len(seeds)} seeds. Drop one or the other."
            )
            raise ConfigError(msg)
        return seeds
    first, count = seeds[0] if seeds else 0, len(SweepConfig().seeds) if count is None else count
    if count < 1:
        msg = f"seeds must be at least 1: got {count}. Give a larger number."
        raise ConfigError(msg)
    return tuple(range(first, first + count))


def _strengths(flag: str, texts: tuple[str, ...]) -> tuple[float | None, ...]:
    parts = comma_separated(texts)
    return tuple(None if part == CHOSEN else float(_number(flag, part, float, f", or {CHOSEN}")) for part in parts) or (
        None,
    )


def _etas(flag: str, texts: tuple[str, ...]) -> tuple[float | None, ...]:
    return tuple(_number(flag, part, float) for part in comma_separated(texts)) or (None,)


def _numbers(flag: str, texts: tuple[str, ...], kind: Callable[[str], int]) -> tuple[int, ...]:
    return tuple(int(_number(flag, part, kind)) for part in comma_separated(texts))


def _number(flag: str, text: str, kind: Callable[[str], float], also: str = "") -> float:
    try:
        return kind(text)
    except ValueError:
        wanted, example = ("whole numbers", "50,100,200") if kind is int else ("numbers", "0.1,1,10")
        msg = f"{flag} must be {wanted}{also}, with commas between: got {text!r:.60}. Write it as {flag} {example}."
        raise ConfigError(msg) from None


def _head(name: str) -> Any:
    if name not in HEADS:
        msg = f"--head must be ridge or softmax, with commas between: got {name!r:.60}.{did_you_mean(name, HEADS)}"
        raise ConfigError(msg)
    return HEADS[name]


def _distinct(flag: str, texts: tuple[str, ...]) -> list[str]:
    names = comma_separated(texts)
    if not names or len(set(names)) < len(names):
        msg = f"{flag} must be distinct backbones, at least one: got {', '.join(names) or 'none'}. Name each once."
        raise ConfigError(msg)
    return names
