"""Options that several verbs share; every default is read from its config.

Each group of options hands the verb one object: `DataConfig`, `W2SConfig`, `Runtime`, …
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable
from functools import partial, reduce, wraps
from typing import Any, TypeVar, get_args, get_type_hints

import click

from w2s_probe.cli.config_file import read_config_file
from w2s_probe.cli.lists import (
    BACKBONE,
    CHOSEN,
    INTEGER,
    NUMBER,
    STRENGTH,
    HeadNames,
    Listed,
    distinct,
    flattened,
    seeds_of,
)
from w2s_probe.cli.runtime import Runtime, check_out
from w2s_probe.core.config import DataConfig, DiagnoseConfig, SweepConfig, W2SConfig
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.limits import MOST_BATCH

MOST_THREADS = 1024
Command = Callable[..., Any]
Decorator = Callable[[Command], Command]
T = TypeVar("T")
Values = dict[str, Any]  # what click gives, by the names of the options
SHARE = "Share of {} whose group value is not the usual one for their label (default: as in the data)."


def _all(*decorators: Decorator) -> Decorator:
    return lambda function: reduce(lambda inner, decorate: decorate(inner), reversed(decorators), function)


def _into(build: Callable[[Values], dict[str, object]], *decorators: Decorator) -> Decorator:
    """Return options whose values reach the verb as the objects that `build` makes of them."""
    options = [option.name for option in click.command(_all(*decorators)(lambda: None)).params]

    def decorate(command: Command) -> Command:
        @wraps(command)
        def verb(**values: Any) -> object:
            own = {name: values.pop(name) for name in options}
            return command(**build(own), **values)

        return _all(*decorators)(verb)

    return decorate


def _choice(field: str) -> click.Choice[str]:
    hint = get_type_hints(W2SConfig)[field]
    names = [arm for arm in get_args(hint) if arm is not type(None)]
    return click.Choice([name for arm in names for name in (get_args(arm) or (arm,))])


def _default(config: type[Any], field: str) -> Any:
    return next(f.default for f in dataclasses.fields(config) if f.name == field)


def _config_option(config: type[Any], field: str, *names: str, **kwargs: Any) -> Decorator:
    default = _default(config, field)
    return click.option(*names, field, default=default, show_default=default is not None, **kwargs)


_experiment, _diagnosis = partial(_config_option, W2SConfig), partial(_config_option, DiagnoseConfig)


def _axis(field: str, *names: str, type: Listed[Any], help: str, required: bool = False) -> Decorator:  # noqa: A002
    text = f"{help.removesuffix('.')}; separate several by commas."
    return click.option(*names, field, multiple=True, type=type, metavar=type.metavar, required=required, help=text)


def _column(field: str, name: str, help: str) -> Decorator:  # noqa: A002
    return _config_option(DataConfig, field, name, metavar="COLUMN", help=help)


_data = _all(
    click.argument("data"),
    _column("text", "--text", "Column of the texts."),
    _column("image", "--image", "Column of image files; relative paths start at the table's folder."),
    _column("id", "--id", "Column of row ids; no id may occur twice."),
    click.option("--skip-damaged", is_flag=True, help="Leave out images that cannot be decoded, and name them."),
)
_pair = _all(
    click.option("--teacher", required=True, metavar="BACKBONE", help="Weak backbone: KIND:NAME or features:FILE."),
    click.option("--student", required=True, metavar="BACKBONE", help="Strong backbone."),
)
_labels = _all(
    _column("label", "--label", "Column of the labels."),
    _column("split", "--split", "Column of the parts: labeled, unlabeled, test; or train, val, test; or 0, 1, 2."),
    _column("group_split", "--group-split", "Column of sources; rows of one source stay in one part."),
)
_groups = _all(
    _column("group", "--group", "Column of group values; adds scores by group and of the worst group."),
    _experiment(
        "group_by",
        "--group-by",
        type=_choice("group_by"),
        help="Group by label and value (cell), or by the value only (column).",
    ),
    click.option(
        "--cue",
        multiple=True,
        metavar="LABEL=VALUE",
        help="Usual group value of a label, with commas between (default: the assignment that fits most rows).",
    ),
    _experiment("eta_test", "--eta-test", type=float, help=SHARE.format("test rows")),
    click.option("--balance-classes", is_flag=True, help="Give every class the same share of every drawn part."),
)
_task = _experiment("task", "--task", type=_choice("task"), help="Kind of the labels.")
_n_test = _experiment(
    "n_test", "--n-test", type=int, help="Number of test rows (default: a third of the rows, at most 2000)."
)
_fit = _all(
    _experiment(
        "scale",
        "--scale",
        type=_choice("scale"),
        help="Scaling of the features (default: none for ridge, standard for softmax).",
    ),
    _experiment(
        "pseudolabels",
        "--pseudolabels",
        type=_choice("pseudolabels"),
        help="What the student learns: the teacher's scores (soft) or its predicted class (hard).",
    ),
)
_scores = _all(
    _experiment(
        "ceiling",
        "--ceiling",
        type=_choice("ceiling"),
        help="Rows whose true labels train the ceiling: the pool (U), or labeled rows and pool (L+U).",
    ),
    _experiment("level", "--level", type=float, help="Level of the confidence intervals."),
    click.option(
        "--strategy",
        "strategies",
        multiple=True,
        metavar="NAME",
        default=_default(W2SConfig, "strategies"),
        show_default=True,
        help="How the student learns; repeat the flag, or separate names by commas.",
    ),
    click.option("--set", "settings", multiple=True, metavar="STRATEGY.FIELD=VALUE", help="A setting of a strategy."),
)
_split_file = click.option("--split-file", metavar="FILE", help="Table of your own splits: columns seed, id, part.")


def _experiment_objects(values: Values) -> dict[str, object]:
    return {"data": _filled(DataConfig, values), "config": _filled(W2SConfig, _parsed(values))}


experiment_options = _into(
    _experiment_objects,
    _data,
    _labels,
    _task,
    _experiment(
        "n_labeled",
        "-n",
        "--n-labeled",
        type=int,
        help="Number of labeled rows (default: a fifth of the rows, at most 400).",
    ),
    _experiment(
        "n_unlabeled", "-N", "--n-unlabeled", type=int, help="Number of pool rows (default: all remaining rows)."
    ),
    _n_test,
    _experiment("seed", "--seed", type=int, help="First seed."),
    _experiment("seeds", "--seeds", type=int, help="Number of seeds; each seed draws all parts again."),
    _groups,
    _experiment("eta_labeled", "--eta-labeled", type=float, help=SHARE.format("labeled rows")),
    _experiment("eta_unlabeled", "--eta-unlabeled", type=float, help=SHARE.format("pool rows")),
    click.option(
        "--head",
        type=click.Choice(["ridge", "softmax", "logistic"]),
        default=_default(W2SConfig, "head"),
        show_default=True,
        callback=lambda _context, _option, name: "softmax" if name == "logistic" else name,
        help="Linear head; logistic is another name of softmax.",
    ),
    _fit,
    _experiment(
        "teacher_alpha",
        "--teacher-alpha",
        type=float,
        help="Strength of the teacher's head (default: chosen on the labeled rows).",
    ),
    _experiment(
        "student_alpha",
        "--student-alpha",
        type=float,
        help="Strength of student, baseline and ceiling (default: each chosen on its own targets).",
    ),
    _scores,
)
pair_options = _all(_pair, _split_file)


def _sweep_objects(values: Values) -> dict[str, object]:
    axes = {
        name: flattened(values[name]) or (None,)
        for name in ("n_labeled", "n_unlabeled", "teacher_alpha", "student_alpha", "eta_labeled", "eta_unlabeled")
    }
    heads = flattened(values["head"])
    seeds = seeds_of(flattened(values["seed"]), values["seeds"])
    parsed = {**_parsed(values), **axes, "head": heads or SweepConfig().head, "seeds": seeds}
    backbones = {name: distinct(f"--{name[:-1]}", values[name]) for name in ("teachers", "students")}
    return {"data": _filled(DataConfig, values), "config": _filled(SweepConfig, parsed), **backbones}


_grid = _into(
    _sweep_objects,
    _data,
    _labels,
    _axis("teachers", "--teacher", type=BACKBONE, help="Weak backbone: KIND:NAME or features:FILE.", required=True),
    _axis("students", "--student", type=BACKBONE, help="Strong backbone.", required=True),
    _task,
    _axis(
        "n_labeled",
        "-n",
        "--n-labeled",
        type=INTEGER,
        help="Number of labeled rows (default: a fifth of the rows, at most 400).",
    ),
    _axis(
        "n_unlabeled", "-N", "--n-unlabeled", type=INTEGER, help="Number of pool rows (default: all remaining rows)."
    ),
    _n_test,
    _axis("seed", "--seed", type=INTEGER, help="First seed, or all seeds (default: 0)."),
    click.option(
        "--seeds", type=int, help=f"Number of seeds, counted from --seed (default: {_default(W2SConfig, 'seeds')})."
    ),
    _groups,
    _axis("eta_labeled", "--eta-labeled", type=NUMBER, help=SHARE.format("labeled rows")),
    _axis("eta_unlabeled", "--eta-unlabeled", type=NUMBER, help=SHARE.format("pool rows")),
    _axis(
        "head",
        "--head",
        type=HeadNames(),
        help=f"Linear head: ridge or softmax (default: {_default(W2SConfig, 'head')}).",
    ),
    _fit,
    _axis(
        "teacher_alpha",
        "--teacher-alpha",
        type=STRENGTH,
        help=f"Strength of the teacher's head, or {CHOSEN} (default: chosen on the labeled rows).",
    ),
    _axis(
        "student_alpha",
        "--student-alpha",
        type=STRENGTH,
        help=f"Strength of student, baseline and ceiling, or {CHOSEN} (default: each chosen on its own targets).",
    ),
    _scores,
)
sweep_options = _all(_grid, _split_file)

data_options = _into(lambda values: {"data": _filled(DataConfig, values)}, _data)


def _matched(values: Values) -> dict[str, object]:
    if values["data"] is None and any(values.values()):
        msg = "--text, --image and --id name columns of a table: got no --data. Add --data DATA."
        raise ConfigError(msg)
    return {"data": None if values["data"] is None else _filled(DataConfig, values)}


matched_options = _into(
    _matched,
    click.option("--data", metavar="DATA", help="Table or builtin:NAME that has these rows."),
    _column("text", "--text", "Column of DATA's texts."),
    _column("image", "--image", "Column of DATA's image files."),
    _column("id", "--id", "Column of DATA's row ids; no id may occur twice."),
)

cache_option = click.option(
    "--cache", metavar="DIR", help="Folder of the feature cache (default: the folder that w2s-probe doctor prints)."
)
quiet_option = click.option("--quiet", is_flag=True, help="Hide progress; notes and results are still printed.")
dtype_option = click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    help="Type of the stored features; float16 halves the cache (default: float32).",
)


def _diagnose_objects(values: Values) -> dict[str, object]:
    data, config = _filled(DataConfig, values), _filled(DiagnoseConfig, values)
    return {"data": data, "config": config, "task": values["task"]}


diagnose_options = _all(
    _into(
        _diagnose_objects,
        _data,
        _column("label", "--label", "Column of the labels; it may hold nulls, or be missing."),
        _task,
        _diagnosis("energy", "--energy", type=float, help="Share of the energy that the principal axes in use hold."),
        _diagnosis("neighbors", "--neighbors", type=int, help="Neighbors for the local dimension."),
        _diagnosis("mutual_neighbors", "--mutual-neighbors", type=int, help="Neighbors for the mutual overlap."),
        _diagnosis("sample", "--sample", type=int, help="Rows drawn for measures that need neighbors."),
        _diagnosis("seed", "--seed", type=int, help="Seed of all draws."),
    ),
    _pair,
)

runtime_options = _into(
    lambda values: {"runtime": Runtime(**values)},
    cache_option,
    click.option("--device", default="cpu", show_default=True, help="Torch device of the backbones."),
    click.option(
        "--threads",
        type=click.IntRange(1, MOST_THREADS),
        help="Threads of backbones, and of seeds and blocks of rows (default: all).",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(1, MOST_BATCH),
        default=32,
        show_default=True,
        help="Items in one forward pass.",
    ),
    dtype_option,
    quiet_option,
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object.")
out_option = click.option(
    "--out",
    metavar="DIR",
    callback=check_out,
    help="Write result.json, results.parquet, report.html and report.md into DIR.",
)
suspects_option = click.option(
    "--suspects",
    is_flag=True,
    help="Also rank the pool by the probability that the student errs, and show the likely minority.",
)
config_option = click.option(
    "--config",
    "config_file",
    metavar="FILE.toml",
    is_eager=True,
    expose_value=False,
    callback=read_config_file,
    help="Options from a file; a flag beats the file.",
)


def _filled(kind: type[T], values: Values) -> T:
    """Return a config with the values of its fields; other values belong to other configs."""
    fields = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in values.items() if name in fields})


def _parsed(values: Values) -> Values:
    """Return the values with strategies, their settings and the cue as their configs hold them."""
    return {
        **values,
        "strategies": tuple(Listed.parts(values["strategies"], "--strategy")),
        "settings": dict(_setting(text) for text in values["settings"]),
        "cue": _cue(values["cue"]),
    }


def _cue(texts: tuple[str, ...]) -> dict[str, str]:
    usual: dict[str, str] = {}
    for part in Listed.parts(texts, "--cue"):
        label, equals, value = part.partition("=")
        if not equals or not label or label in usual:
            msg = f"--cue must be LABEL=VALUE, each label once: got {part!r:.60}. Write it as --cue spam=yes,ham=no."
            raise ConfigError(msg)
        usual[label.strip()] = value.strip()
    return usual


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    name, _, field = key.strip().partition(".")
    if not equals or not name or not field:
        msg = f"--set must be STRATEGY.FIELD=VALUE: got {text!r:.60}. Write it as --set high_confidence.keep=0.6."
        raise ConfigError(msg)
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        return key.strip(), value
