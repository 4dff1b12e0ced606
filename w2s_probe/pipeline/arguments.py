"""What the first arguments of a call in Python mean: data and names of backbones, or features and labels in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, Generic, TypeVar

from numpy.typing import ArrayLike

from w2s_probe.cache import SHIPPED, FeatureStore, default_cache
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import ConfigError, DataError, did_you_mean, listed
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.foreign_arrays import check_one_order
from w2s_probe.core.labels import Labels
from w2s_probe.pipeline.arrays import array_data

Given = ArrayLike | FeatureSet
Several = Given | Mapping[str, Given]
Values = Sequence[Any] | ArrayLike
Names = str | Sequence[str]
Config = TypeVar("Config")
ROLES = ("teacher", "student")
FIRST = ("data", "config", "teacher_features", "student_features")  # arguments without a name
PATHS = ("split_file", "folder")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Arguments(Generic[Config]):
    """The arguments of one call.

    Parameters
    ----------
    data : DataConfig
        A table, or arrays.
    config : config of the verb
        The settings; the defaults if none were given.
    teachers, students : list of str
        Names of backbones, or of arrays.
    """

    data: DataConfig
    config: Config
    teachers: list[str]
    students: list[str]

    def one(self, side: str) -> str:
        """Return the only name of a side."""
        names: list[str] = getattr(self, side)
        if len(names) == 1:
            return names[0]
        msg = f"{side} must be one: got {len(names)}, {', '.join(names)!s:.80}. Give one, or call forecast with all."
        raise ConfigError(msg)


def arguments(
    verb: str,
    first: DataConfig | Several,
    second: Any,
    labels: Values | Labels | None,
    config: Config | None,
    *,
    default: type[Config],
    names: tuple[Names | None, Names | None],
    columns: Mapping[str, Values | None],
    needs_labels: bool = True,
) -> Arguments[Config]:
    """Return what the arguments of a verb mean.

    Parameters
    ----------
    verb : str
        Name of the verb, for messages.
    first, second : DataConfig and config of the verb, or features of teacher and student
        The first two arguments.
    labels, config
        The next two arguments.
    default : type
        Class of the config.
    names : tuple of two str, sequences of str, or None
        Names of teachers and students.
    columns : mapping of str to sequence, or None
        Groups and ids of features.
    needs_labels : bool
        Whether features need labels.
    """
    if isinstance(first, DataConfig):
        _check_only_data(verb, second, labels, config, columns)
        settings = _config(second if config is None else config, default)
        teachers, students = ([name] if isinstance(name, str) else list(name or ()) for name in names)
        _check_names(verb, teachers, students)
        return Arguments(data=first, config=settings, teachers=teachers, students=students)
    _check_features(verb, first, second)
    if labels is None and needs_labels:
        msg = f"{verb} needs labels: got features without any. Give them as the third argument, one for each row."
        raise DataError(msg)
    if config is None and needs_labels and isinstance(labels, Labels) and labels.classes is None:
        config = default(task="regression")  # type: ignore[call-arg]  # configs of verbs that need labels have it
    settings = _config(config, default)
    if getattr(settings, "task", "") == "preference":
        msg = "preference pairs must be rows of a table: got features in memory. Name the table in a DataConfig."
        raise ConfigError(msg)
    check_one_order(_by_role(first, second, labels=labels, **columns))
    weak, strong = (_named(one, role, name) for one, role, name in zip((first, second), ROLES, names, strict=True))
    _check_distinct(weak, strong)
    data = array_data({**weak, **strong}, labels=labels, **columns)
    return Arguments(data=data, config=settings, teachers=list(weak), students=list(strong))


def further(verb: str, function: Callable[..., Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the further arguments of a verb, paths as `Path`.

    Parameters
    ----------
    verb : str
        Name of the verb, for messages.
    function : callable
        The function that takes them.
    more : mapping of str to Any
        Arguments by name.

    Raises
    ------
    ConfigError
        If the function takes no such argument; ``teachers`` is that of other verbs than ``teacher``.
    """
    taken = [name for name in signature(function).parameters if name not in FIRST]
    for name in more.keys() - set(taken):
        many, one = f"{name}s", name.removesuffix("s")
        other = many if many in taken else one if one != name and one in taken else ""
        near = f" Use {other}= instead." if other else did_you_mean(name, taken) or f" It takes {listed(taken)}."
        msg = f"{verb} must be called with arguments that it has: got {name!r:.60}.{near}"
        raise ConfigError(msg)
    return {name: Path(value) if name in PATHS and isinstance(value, str) else value for name, value in more.items()}


def _by_role(first: Any, second: Any, **columns: Any) -> dict[str, Any]:
    """Return all arrays of a call by their name for messages."""
    given = {}
    for role, one in zip(ROLES, (first, second), strict=True):
        several = one if isinstance(one, Mapping) else {role: one}
        given.update({f"features of {name}": features for name, features in several.items()})
    return {**given, **columns}


def default_store() -> FeatureStore:
    """Return the cache of the command line, above the features that came with the package."""
    return FeatureStore(default_cache(), below=SHIPPED)


def _check_only_data(verb: str, second: Any, labels: Any, config: Any, columns: Mapping[str, Values | None]) -> None:
    if labels is not None or any(values is not None for values in columns.values()):
        msg = (
            f"{verb} of data reads labels, groups and ids from columns: got them as arguments, too. Name columns in "
            "the DataConfig."
        )
        raise ConfigError(msg)
    if second is not None and config is not None:
        msg = f"{verb} of data takes a config after the data: got two further arguments. Leave out one of them."
        raise ConfigError(msg)


def _check_names(verb: str, teachers: Sequence[str], students: Sequence[str]) -> None:
    if not teachers or not students:
        got = f"only {', '.join([*teachers, *students])!s:.60}" if teachers or students else "none"
        msg = f"{verb} of data needs names of a teacher and of a student: got {got}. Add the backbones."
        raise ConfigError(msg)


def _check_distinct(weak: Mapping[str, Given], strong: Mapping[str, Given]) -> None:
    for name in weak.keys() & strong.keys():
        if weak[name] is not strong[name]:
            msg = f"features must have different names: got {name!r:.60} for teacher and student. Rename one of them."
            raise ConfigError(msg)


def _check_features(verb: str, first: Any, second: Any) -> None:
    if isinstance(first, str):
        msg = (
            f"{verb} takes a DataConfig or features: got the text {first!r:.60}. Write DataConfig(data={first!r:.60})."
        )
        raise DataError(msg)
    for what, one in (("features of the teacher", first), ("features of the student", second)):
        if one is None or isinstance(one, Labels) or (isinstance(one, Mapping) and not one):
            got = "none" if one is None or isinstance(one, Mapping) else "labels"
            msg = (
                f"{verb} needs {what} as an array of shape (rows, features): got {got}. Give teacher, student, labels."
            )
            raise DataError(msg)


def _config(config: Any, default: type[Config]) -> Config:
    if config is None:
        return default()
    if not isinstance(config, default):
        msg = f"the config must be a {default.__name__}: got {type(config).__name__}. Give it after data or labels."
        raise ConfigError(msg)
    return config


def _named(one: Several, role: str, name: Names | None) -> dict[str, Given]:
    """Return the features of one side by name: the one given, else that of a `FeatureSet`, else the role."""
    if isinstance(one, Mapping):
        return {str(key): features for key, features in one.items()}
    own = one.name if isinstance(one, FeatureSet) and one.name != "features" else role
    names = [name] if isinstance(name, str) else [own] if name is None else list(name)
    if len(names) != 1:
        msg = f"one {role} has one name: got {len(names)} names. Give several as a mapping of name to features."
        raise ConfigError(msg)
    return {names[0] or own: one}
