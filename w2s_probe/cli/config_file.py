"""``--config FILE.toml``: values of a file become the defaults of the verb's options."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click

from w2s_probe.core.errors import ConfigError, DataError, did_you_mean

LARGEST_CONFIG = 2**14  # bytes; tomllib takes seconds for a crafted key ten times as long


def read_config_file(context: click.Context, _: click.Parameter, path: str | None) -> None:
    """Make the values of a TOML file the defaults of this verb; a flag beats the file."""
    if path is None:
        return
    name = Path(path).name
    options = {_key(option): option for option in context.command.params if option.name != "config_file"}
    defaults: dict[str, Any] = {}
    for key, value in _load_toml(Path(path)).items():
        option = options.get(key.replace("_", "-"))
        if option is None or option.name is None:
            near = did_you_mean(key.replace("_", "-"), options)
            msg = f"a key of {name} must be an option of this verb: got {key!r}.{near or ' See --help.'}"
            raise ConfigError(msg)
        _refuse_nul(key, value, name)
        text = _settings_of(value) if option.name == "settings" else _as_typed(option, key, value)
        try:
            option.type_cast_value(context, text)
        except click.BadParameter as error:
            msg = f"{key} in {name} must be what its option takes: {error.message} See --help."
            raise ConfigError(msg) from error
        defaults[option.name] = text
    context.default_map = {**(context.default_map or {}), **defaults}


def _load_toml(path: Path) -> dict[str, Any]:
    from w2s_probe.core.files import is_regular_file, reason
    from w2s_probe.core.input_files import check_no_pipe, check_not_packed

    check_no_pipe(path, "--config")
    try:
        if not is_regular_file(path) or path.stat().st_size > LARGEST_CONFIG:
            msg = f"it is no file, or has more than {LARGEST_CONFIG:,} bytes"
            raise ValueError(msg)
        check_not_packed(path, "--config")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except DataError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        msg = (
            f"--config must name a TOML file in UTF-8: {path} cannot be read ({reason(error)}). Check path and syntax."
        )
        raise ConfigError(msg) from error


def _refuse_nul(key: str, value: Any, name: str) -> None:
    """Raise `ConfigError` if a value holds a NUL, which no shell can type and no file name can hold."""
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for inner in values:
        _refuse_nul(key, inner, name)
    if isinstance(value, str) and "\0" in value:
        msg = f"{key} in {name} must hold no NUL character: got {value!r:.60}. Remove \\u0000."
        raise ConfigError(msg)


def _key(parameter: click.Parameter) -> str:
    long = [name for name in parameter.opts if name.startswith("--")]
    return long[0][2:] if long else str(parameter.name)


def _as_typed(option: click.Parameter, key: str, value: Any) -> Any:
    """Return a value of a file as the command line would give it."""
    if isinstance(option, click.Option) and option.is_flag:
        fits, wanted, typed = isinstance(value, bool), "true or false", value
    elif isinstance(option, click.Option) and option.multiple:
        values = value if isinstance(value, list) else [value]
        fits, wanted = bool(values) and all(map(_is_plain, values)), "texts or numbers, at least one"
        typed = [str(item) for item in values]
    else:
        fits, wanted, typed = _is_plain(value), "a text or a number", str(value)
    if not fits:
        msg = f"{key} must be {wanted}: got {value!r:.60}. Write it as on the command line; see --help."
        raise ConfigError(msg)
    return typed


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def _settings_of(table: Any) -> list[str]:
    if not isinstance(table, dict) or not all(isinstance(fields, dict) for fields in table.values()):
        msg = (
            f"set must be a table of tables: got {table!r:.60}. Write a line [set.high_confidence], and below it "
            "keep = 0.6."
        )
        raise ConfigError(msg)
    pairs = ((f"{name}.{field}", value) for name, fields in table.items() for field, value in fields.items())
    return [f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in pairs]
