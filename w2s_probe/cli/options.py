"""Options that several verbs share; every default is read from its config."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Iterable
from functools import reduce
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click

from w2s_probe.core.config import DataConfig, DiagnoseConfig, W2SConfig
from w2s_probe.core.errors import ConfigError, did_you_mean

LARGEST_CONFIG = 2**14  # bytes; tomllib takes seconds for a crafted key ten times as long
MOST_THREADS = 1024
Command = Callable[..., Any]
Decorator = Callable[[Command], Command]


def _all(*decorators: Decorator) -> Decorator:
    return lambda function: reduce(lambda inner, decorate: decorate(inner), reversed(decorators), function)


def _choice(field: str) -> click.Choice[str]:
    hint = get_type_hints(W2SConfig)[field]
    names = [arm for arm in get_args(hint) if arm is not type(None)]
    return click.Choice([name for arm in names for name in (get_args(arm) or (arm,))])


def _default(config: type[Any], field: str) -> Any:
    return next(f.default for f in dataclasses.fields(config) if f.name == field)


def _experiment(field: str, *names: str, help: str, **kwargs: Any) -> Decorator:  # noqa: A002
    default = _default(W2SConfig, field)
    return click.option(*names, field, default=default, show_default=default is not None, help=help, **kwargs)


def _diagnosis(field: str, name: str, *, type: type[Any], help: str) -> Decorator:  # noqa: A002
    default = _default(DiagnoseConfig, field)
    return click.option(name, field, type=type, default=default, show_default=True, help=help)


def _column(field: str, name: str, help: str) -> Decorator:  # noqa: A002
    default = _default(DataConfig, field)
    return click.option(name, field, default=default, show_default=default is not None, metavar="COLUMN", help=help)


data_options = _all(
    click.argument("data"),
    _column("text", "--text", "Column of the texts to embed."),
    _column("image", "--image", "Column of image files to embed, relative to the table's folder."),
    _column("id", "--id", "Column of distinct row ids."),
    click.option("--skip-damaged", is_flag=True, help="Leave out images that cannot be decoded, and say which."),
)

pair_options = _all(
    click.option("--teacher", required=True, metavar="BACKBONE", help="Weak backbone, KIND:NAME or features:FILE."),
    click.option("--student", required=True, metavar="BACKBONE", help="Strong backbone."),
)


def _axis(field: str, name: str, help: str, *more: str, metavar: str = "NUMBER", required: bool = False) -> Decorator:  # noqa: A002
    said = help.replace(" [", ", with commas between [") if " [" in help else f"{help[:-1]}, with commas between."
    return click.option(name, *more, field, multiple=True, metavar=metavar, required=required, help=said)


label_options = _all(
    _column("label", "--label", "Column of the ground truth."),
    _column("split", "--split", "Column of parts: labeled, unlabeled, test; or train, val, test; or 0, 1, 2."),
    _column("group_split", "--group-split", "Column of sources; the rows of one stay in one part."),
)

_groups = _all(
    _column("group", "--group", "Column of group values: scores by group, and the worst of them."),
    _experiment("group_by", "--group-by", type=_choice("group_by"), help="Groups are LABEL|VALUE, or values alone."),
    click.option(
        "--cue",
        multiple=True,
        metavar="LABEL=VALUE",
        help="Usual group value of a label, with commas between [the most frequent assignment].",
    ),
    _experiment("eta_test", "--eta-test", type=float, help="Fraction of test rows that conflict [the data's own]."),
    click.option("--balance-classes", is_flag=True, help="The same share for every class in every drawn part."),
)

_task = _experiment("task", "--task", type=_choice("task"), help="How labels are read.")
_n_test = _experiment("n_test", "--n-test", type=int, help="Test rows [a third, at most 2000].")
_seeds = _experiment("seeds", "--seeds", type=int, help="Number of seeds; each redraws all parts.")
_how_to_fit = _all(
    _experiment(
        "scale", "--scale", type=_choice("scale"), help="Scaling of features [none for ridge, standard for softmax]."
    ),
    _experiment("pseudolabels", "--pseudolabels", type=_choice("pseudolabels"), help="Raw scores, or decisions."),
)
_how_to_judge = _all(
    _experiment("ceiling", "--ceiling", type=_choice("ceiling"), help="Rows the ceiling is trained on."),
    _experiment("level", "--level", type=float, help="Level of the intervals."),
    click.option(
        "--strategy",
        "strategies",
        multiple=True,
        metavar="NAME",
        default=_default(W2SConfig, "strategies"),
        show_default=True,
        help="How the student learns; repeat, or separate by commas.",
    ),
    click.option("--set", "settings", multiple=True, metavar="STRATEGY.FIELD=VALUE", help="A strategy's own setting."),
    click.option("--split-file", metavar="FILE", help="Your own splits: a table of seed, id, part."),
)

experiment_options = _all(
    label_options,
    click.option("--teacher", required=True, metavar="BACKBONE", help="Weak backbone, KIND:NAME or features:FILE."),
    click.option("--student", required=True, metavar="BACKBONE", help="Strong backbone."),
    _task,
    _experiment("n_labeled", "-n", "--n-labeled", type=int, help="Labeled rows [a fifth, at most 400]."),
    _experiment("n_unlabeled", "-N", "--n-unlabeled", type=int, help="Rows of the pool [all that are left]."),
    _n_test,
    _experiment("seed", "--seed", type=int, help="First seed."),
    _seeds,
    _groups,
    _experiment(
        "eta_labeled", "--eta-labeled", type=float, help="Fraction of labeled rows that conflict [the data's own]."
    ),
    _experiment(
        "eta_unlabeled", "--eta-unlabeled", type=float, help="Fraction of the pool that conflicts [the data's own]."
    ),
    click.option(
        "--head",
        type=click.Choice(["ridge", "softmax", "logistic"]),
        default=_default(W2SConfig, "head"),
        show_default=True,
        callback=lambda _context, _option, name: "softmax" if name == "logistic" else name,
        help="Linear head; logistic is another name of softmax.",
    ),
    _how_to_fit,
    _experiment("teacher_alpha", "--teacher-alpha", type=float, help="Strength of the teacher's head [chosen on L]."),
    _experiment(
        "student_alpha",
        "--student-alpha",
        type=float,
        help="Strength of student, baseline and ceiling [each chosen on its own targets].",
    ),
    _how_to_judge,
)

sweep_options = _all(
    label_options,
    _axis("teachers", "--teacher", "Weak backbones, KIND:NAME or features:FILE.", metavar="BACKBONE", required=True),
    _axis("students", "--student", "Strong backbones.", metavar="BACKBONE", required=True),
    _task,
    _axis("n_labeled", "-n", "Labeled rows [a fifth, at most 400].", "--n-labeled", metavar="INTEGER"),
    _axis("n_unlabeled", "-N", "Rows of the pool [all that are left].", "--n-unlabeled", metavar="INTEGER"),
    _n_test,
    _axis("seed", "--seed", "First seed; several are the seeds themselves [0].", metavar="INTEGER"),
    click.option("--seeds", type=int, help=f"Number of seeds from the first [{_default(W2SConfig, 'seeds')}]."),
    _groups,
    _axis("eta_labeled", "--eta-labeled", "Fractions of labeled rows that conflict [the data's own]."),
    _axis("eta_unlabeled", "--eta-unlabeled", "Fractions of the pool that conflict [the data's own]."),
    _axis("head", "--head", f"Linear heads: ridge, softmax [{_default(W2SConfig, 'head')}].", metavar="NAME"),
    _how_to_fit,
    _axis("teacher_alpha", "--teacher-alpha", "Strengths of the teacher's head; chosen is one [chosen on L]."),
    _axis(
        "student_alpha",
        "--student-alpha",
        "Strengths of student, baseline and ceiling; chosen is one [each chosen on its own targets].",
    ),
    _how_to_judge,
)

matched_options = _all(
    click.option("--data", metavar="DATA", help="Table or builtin:NAME whose rows they are."),
    _column("text", "--text", "Column of DATA's texts."),
    _column("image", "--image", "Column of DATA's image files."),
    _column("id", "--id", "Column of DATA's distinct row ids."),
)

cache_option = click.option("--cache", "cache_root", metavar="DIR", help="Feature cache [see: w2s-probe doctor].")

dtype_option = click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    help="Type features are kept in; float16 halves the cache and is read back as float32 [float32].",
)

diagnose_options = _all(
    pair_options,
    _column("label", "--label", "Column of the ground truth; it may hold nulls or not exist."),
    _experiment("task", "--task", type=_choice("task"), help="How labels are read."),
    _diagnosis("energy", "--energy", type=float, help="Energy that a space's kept axes hold."),
    _diagnosis("neighbors", "--neighbors", type=int, help="Neighbors of the local dimension."),
    _diagnosis("mutual_neighbors", "--mutual-neighbors", type=int, help="Neighbors of the mutual overlap."),
    _diagnosis("sample", "--sample", type=int, help="Rows drawn for all that needs neighbors."),
    _diagnosis("seed", "--seed", type=int, help="Seed of everything drawn."),
)

runtime_options = _all(
    cache_option,
    click.option("--device", default="cpu", show_default=True, help="Torch device of the backbones."),
    click.option(
        "--threads", type=click.IntRange(1, MOST_THREADS), help="Threads of backbones and linear algebra [all]."
    ),
    click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Items in one pass."),
    dtype_option,
    click.option("--quiet", is_flag=True, help="No progress."),
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object.")


def config_from(values: dict[str, Any]) -> W2SConfig:
    """Return the experiment that the options describe."""
    fields = {field.name for field in dataclasses.fields(W2SConfig)}
    chosen = {name: value for name, value in values.items() if name in fields}
    chosen["strategies"] = tuple(comma_separated(values["strategies"]))
    chosen["settings"] = settings_from(values)
    chosen["cue"] = cue_from(values)
    return W2SConfig(**chosen)


def diagnose_config_from(values: dict[str, Any]) -> DiagnoseConfig:
    """Return the settings of a diagnosis that the options describe."""
    fields = {field.name for field in dataclasses.fields(DiagnoseConfig)}
    return DiagnoseConfig(**{name: value for name, value in values.items() if name in fields})


def settings_from(values: dict[str, Any]) -> dict[str, Any]:
    """Return the strategies' own settings that the options describe."""
    return dict(_setting(text) for text in values["settings"])


def cue_from(values: dict[str, Any]) -> dict[str, str]:
    """Return the usual group value of each label that the options name."""
    found: dict[str, str] = {}
    for part in comma_separated(values.get("cue", ())):
        label, equals, value = part.partition("=")
        if not equals or not label or label in found:
            msg = f"--cue must be LABEL=VALUE, each label once: got {part!r:.60}. Write it as --cue spam=yes,ham=no."
            raise ConfigError(msg)
        found[label.strip()] = value.strip()
    return found


def data_from(values: dict[str, Any]) -> DataConfig:
    """Return the data that the options describe."""
    fields = {field.name for field in dataclasses.fields(DataConfig)}
    return DataConfig(**{name: value for name, value in values.items() if name in fields})


def names_of(text: str, flag: str) -> list[str]:
    """Return the distinct names in a comma-separated text."""
    names = list(dict.fromkeys(comma_separated([text])))
    if not names:
        msg = f"{flag} must name a backbone: got {text!r}. See: w2s-probe backbones"
        raise ConfigError(msg)
    return names


def comma_separated(texts: Iterable[str]) -> list[str]:
    """Return the parts of texts that have commas between."""
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or "." not in key:
        msg = f"--set must be STRATEGY.FIELD=VALUE: got {text!r}. Write it as high_confidence.keep=0.6."
        raise ConfigError(msg)
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        return key.strip(), value


def _read_config(context: click.Context, _: click.Parameter, path: str | None) -> None:
    """Make the values of a TOML file the defaults of this command: flags still win."""
    if path is None:
        return
    values = _load_toml(Path(path))
    known = {_key(option): option for option in context.command.params if option.name != "config_file"}
    defaults: dict[str, Any] = {}
    for key, value in values.items():
        option = known.get(key.replace("_", "-"))
        if option is None or option.name is None:
            near = did_you_mean(key.replace("_", "-"), known)
            msg = f"a key of {Path(path).name} must be an option of this verb: got {key!r}.{near or ' See --help.'}"
            raise ConfigError(msg)
        given = _settings_of(value) if option.name == "settings" else _as_typed(option, key, value)
        try:
            option.type_cast_value(context, given)
        except click.BadParameter as error:
            msg = f"{key} in {Path(path).name} must be what its option takes: {error.message} See --help."
            raise ConfigError(msg) from error
        defaults[option.name] = given
    context.default_map = {**(context.default_map or {}), **defaults}


def _load_toml(path: Path) -> dict[str, Any]:
    from w2s_probe.core.files import is_regular_file, reason

    try:
        if not is_regular_file(path) or path.stat().st_size > LARGEST_CONFIG:
            msg = f"it is no file, or has more than {LARGEST_CONFIG:,} bytes"
            raise ValueError(msg)
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        msg = (
            f"--config must name a TOML file in UTF-8: {path} cannot be read ({reason(error)}). Check path and syntax."
        )
        raise ConfigError(msg) from error


def _key(parameter: click.Parameter) -> str:
    long = [name for name in parameter.opts if name.startswith("--")]
    return long[0][2:] if long else str(parameter.name)


def _as_typed(option: click.Parameter, key: str, value: Any) -> Any:
    """Return a value of a file as the command line would give it."""
    if isinstance(option, click.Option) and option.is_flag:
        fits, wanted, given = isinstance(value, bool), "true or false", value
    elif isinstance(option, click.Option) and option.multiple:
        values = value if isinstance(value, list) else [value]
        fits, wanted, given = all(map(_is_plain, values)), "texts or numbers", [str(one) for one in values]
    else:
        fits, wanted, given = _is_plain(value), "a text or a number", str(value)
    if not fits:
        msg = f"{key} must be {wanted}: got {value!r:.60}. Write it as on the command line; see --help."
        raise ConfigError(msg)
    return given


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def _settings_of(table: Any) -> list[str]:
    if not isinstance(table, dict) or not all(isinstance(fields, dict) for fields in table.values()):
        msg = f"set must be a table of tables, as in [set.high_confidence]: got {table!r:.60}. Write it so."
        raise ConfigError(msg)
    pairs = ((f"{name}.{field}", value) for name, fields in table.items() for field, value in fields.items())
    return [f"{key}={_toml(value)}" for key, value in pairs]


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


config_option = click.option(
    "--config",
    "config_file",
    metavar="FILE.toml",
    is_eager=True,
    expose_value=False,
    callback=_read_config,
    help="Options from a file; flags beat it.",
)
