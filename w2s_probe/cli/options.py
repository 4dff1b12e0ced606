"""Options that several verbs share; every default is read from its config.

Each group of options hands the verb one object: `DataConfig`, `W2SConfig`, `Runtime`, …
"""

from __future__ import annotations

from functools import partial
from typing import get_args, get_type_hints

import click

from w2s_probe.cli.config_file import read_config_file
from w2s_probe.cli.decorators import MOST_THREADS, Decorator, axis, default_of, into, setting, together
from w2s_probe.cli.lists import BACKBONE, CHOSEN, INTEGER, NUMBER, STRENGTH, HeadNames, distinct, flattened, seeds_of
from w2s_probe.cli.runtime import Runtime, check_out
from w2s_probe.cli.values import Values, filled, parsed
from w2s_probe.core.config import DataConfig, DiagnoseConfig, W2SConfig
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.limits import MOST_BATCH, MOST_TOKENS
from w2s_probe.core.sweep_config import SweepConfig

SHARE = "Share of {} whose group value is not the usual one for their label (default: as in the data)."


def _choice(field: str) -> click.Choice[str]:
    hint = get_type_hints(W2SConfig)[field]
    names = [arm for arm in get_args(hint) if arm is not type(None)]
    return click.Choice([name for arm in names for name in (get_args(arm) or (arm,))])


_experiment, _diagnosis = partial(setting, W2SConfig), partial(setting, DiagnoseConfig)
_criterion, CRITERIA = partial(setting, DataConfig), click.Choice(["better", "safer"])


def _column(field: str, name: str, help: str) -> Decorator:  # noqa: A002
    return setting(DataConfig, field, name, metavar="COLUMN", help=help)


_max_bytes = setting(
    DataConfig,
    "max_bytes",
    "--max-bytes",
    type=int,
    metavar="BYTES",
    help="Most bytes that a .gz or .zst file may hold (default: 100 times its size).",
)
_data = together(
    click.argument("data"),
    _column("text", "--text", "Column of the texts."),
    _column("image", "--image", "Column of image files; relative paths start at the table's folder."),
    _column(
        "prompt", "--prompt", "Column of prompts, put before texts or answers; rows with one prompt stay in one part."
    ),
    _column("id", "--id", "Column of row ids; no id may occur twice."),
    click.option("--skip-damaged", is_flag=True, help="Leave out images that cannot be decoded, and name them."),
    _max_bytes,
)
WEAK = "Weak backbone: KIND:NAME or features:FILE"
OLD = f"{WEAK}, or predictions: labels:COLUMN,… or labels:FILE[#COLUMN,…]"
SAW = "Column of the rows that a labels: teacher was trained on (true or false), or all (only forecast)."
_saw = setting(DataConfig, "teacher_saw", "--teacher-saw", metavar="COLUMN|all", help=SAW)
_teacher = click.option("--teacher", required=True, metavar="BACKBONE", help=f"{WEAK}.")
_student = click.option("--student", required=True, metavar="BACKBONE", help="Strong backbone.")
_labels = together(
    _column("label", "--label", "Column of the labels."),
    _column("split", "--split", "Column of the parts: labeled, unlabeled, test; or train, val, test; or 0, 1, 2."),
    _column("group_split", "--group-split", "Column of sources; rows of one source stay in one part."),
)
_groups = together(
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
_pair_columns = together(
    _column("chosen", "--chosen", "Column of the preferred answers of preference pairs."),
    _column("rejected", "--rejected", "Column of the other answers."),
    _column("score", "--score", "Column of scores of the items, from which preference pairs are made."),
    _criterion("criterion", "--criterion", type=CRITERIA, help="Which preference of PKU-SafeRLHF's layout is read."),
)
_pairs = together(
    _pair_columns,
    click.option(
        "--items",
        type=INTEGER,
        metavar="n,N,TEST",
        help="Items of each part, from which pairs are drawn (default: as many as pairs, in the pool 1.5 times).",
    ),
    _experiment("min_gap", "--min-gap", type=float, help="Smallest difference of the scores of a pair (default: any)."),
)
_n_test = _experiment(
    "n_test", "--n-test", type=int, help="Number of test rows (default: a third of the rows, at most 2000)."
)
_fit = together(
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
_scores = together(
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
        default=default_of(W2SConfig, "strategies"),
        show_default=True,
        help="How the student learns; repeat the flag, or separate names by commas.",
    ),
    click.option("--set", "settings", multiple=True, metavar="STRATEGY.FIELD=VALUE", help="A setting of a strategy."),
)
_split_file = click.option("--split-file", metavar="FILE", help="Table of your own splits: columns seed, id, part.")


def _experiment_objects(values: Values) -> dict[str, object]:
    return {"data": filled(DataConfig, values), "config": filled(W2SConfig, parsed(values))}


_experiment_flags = (
    _data,
    _labels,
    _saw,
    _task,
    _pairs,
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
        callback=lambda _context, _option, name: "softmax" if name == "logistic" else name,
        help="Linear head (default: ridge; Bradley-Terry for preference); logistic is another name of softmax.",
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
experiment_options = into(_experiment_objects, *_experiment_flags)


def _softmax_objects(values: Values) -> dict[str, object]:
    usual = "softmax" if values["task"] == "classification" else None
    return _experiment_objects({**values, "head": values["head"] or usual})


finetune_options = into(_softmax_objects, *_experiment_flags)
pair_options = together(
    click.option(
        "--teacher",
        required=True,
        multiple=True,
        metavar="BACKBONE",
        help=f"{OLD}; join several teachers by +, or repeat the flag.",
    ),
    _student,
    _split_file,
)
pairs_options = together(
    click.option("--teacher", required=True, metavar="BACKBONE", help=f"{OLD}; join several teachers by +."),
    _student,
    _split_file,
)


def _sweep_objects(values: Values) -> dict[str, object]:
    axes = {
        name: flattened(values[name]) or (None,)
        for name in ("n_labeled", "n_unlabeled", "teacher_alpha", "student_alpha", "eta_labeled", "eta_unlabeled")
    }
    heads = flattened(values["head"])
    seeds = seeds_of(flattened(values["seed"]), values["seeds"])
    settings = {**parsed(values), **axes, "head": heads, "seeds": seeds}
    backbones = {name: distinct(f"--{name[:-1]}", values[name]) for name in ("teachers", "students")}
    return {"data": filled(DataConfig, values), "config": filled(SweepConfig, settings), **backbones}


_grid = into(
    _sweep_objects,
    _data,
    _labels,
    _saw,
    axis("teachers", "--teacher", type=BACKBONE, help=f"{OLD}; join several teachers by +.", required=True),
    axis("students", "--student", type=BACKBONE, help="Strong backbone.", required=True),
    _task,
    _pairs,
    axis(
        "n_labeled",
        "-n",
        "--n-labeled",
        type=INTEGER,
        help="Number of labeled rows (default: a fifth of the rows, at most 400).",
    ),
    axis("n_unlabeled", "-N", "--n-unlabeled", type=INTEGER, help="Number of pool rows (default: all remaining rows)."),
    _n_test,
    axis("seed", "--seed", type=INTEGER, help="First seed, or all seeds (default: 0)."),
    click.option(
        "--seeds", type=int, help=f"Number of seeds, counted from --seed (default: {default_of(W2SConfig, 'seeds')})."
    ),
    _groups,
    axis("eta_labeled", "--eta-labeled", type=NUMBER, help=SHARE.format("labeled rows")),
    axis("eta_unlabeled", "--eta-unlabeled", type=NUMBER, help=SHARE.format("pool rows")),
    axis(
        "head",
        "--head",
        type=HeadNames(),
        help="Linear head: ridge or softmax (default: ridge; Bradley-Terry for preference).",
    ),
    _fit,
    axis(
        "teacher_alpha",
        "--teacher-alpha",
        type=STRENGTH,
        help=f"Strength of the teacher's head, or {CHOSEN} (default: chosen on the labeled rows).",
    ),
    axis(
        "student_alpha",
        "--student-alpha",
        type=STRENGTH,
        help=f"Strength of student, baseline and ceiling, or {CHOSEN} (default: each chosen on its own targets).",
    ),
    _scores,
)
sweep_options = together(_grid, _split_file)

data_options = into(lambda values: {"data": filled(DataConfig, values)}, _data)


def _matched(values: Values) -> dict[str, object]:
    if values["data"] is None and any(values.values()):
        msg = "--text, --image, --prompt, --id and --max-bytes describe a table: got no --data. Add --data DATA."
        raise ConfigError(msg)
    return {"data": None if values["data"] is None else filled(DataConfig, values)}


matched_options = into(
    _matched,
    click.option("--data", metavar="DATA", help="Table or builtin:NAME that has these rows."),
    _column("text", "--text", "Column of DATA's texts."),
    _column("image", "--image", "Column of DATA's image files."),
    _column("prompt", "--prompt", "Column of DATA's prompts, put before the texts."),
    _column("id", "--id", "Column of DATA's row ids; no id may occur twice."),
    _max_bytes,
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
    data, config = filled(DataConfig, values), filled(DiagnoseConfig, values)
    return {"data": data, "config": config, "task": values["task"]}


diagnose_options = together(
    into(
        _diagnose_objects,
        _data,
        _column("label", "--label", "Column of the labels; it may hold nulls, or be missing."),
        _task,
        _pair_columns,
        _diagnosis("energy", "--energy", type=float, help="Share of the energy that the principal axes in use hold."),
        _diagnosis("neighbors", "--neighbors", type=int, help="Neighbors for the local dimension."),
        _diagnosis("mutual_neighbors", "--mutual-neighbors", type=int, help="Neighbors for the mutual overlap."),
        _diagnosis("sample", "--sample", type=int, help="Rows drawn for measures that need neighbors."),
        _diagnosis("seed", "--seed", type=int, help="Seed of all draws."),
    ),
    _teacher,
    _student,
)

runtime_options = into(
    lambda values: {"runtime": Runtime(**values)},
    cache_option,
    click.option(
        "--device",
        default="auto",
        show_default=True,
        help="Torch device of the backbones; auto is the first of cuda, mps and cpu that torch can use.",
    ),
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
    click.option(
        "--max-length",
        type=click.IntRange(1, MOST_TOKENS),
        help="Tokens of a text that a language model reads (default: its own limit).",
    ),
    click.option("--prefix", metavar="TEXT", default="", help="Text that a language model reads before each text."),
    click.option(
        "--chat-template",
        is_flag=True,
        help="Give transformers: models each text as the message of a user, in their chat template.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["float32", "bfloat16"]),
        default="float32",
        show_default=True,
        help="Arithmetic of transformers: models; bfloat16 is faster on a GPU and changes features.",
    ),
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
