"""Every error message names flags that exist, as the user types them, and ends with an advice."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from w2s_probe.cli.main import as_typed, cli
from w2s_probe.core.config import DataConfig, DiagnoseConfig, W2SConfig
from w2s_probe.core.reason_config import ReasonConfig
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.theory import IntrinsicDimension, SpuriousModel

PACKAGE = Path(__file__).parents[2] / "w2s_probe"
CONFIGS = (DataConfig, W2SConfig, SweepConfig, DiagnoseConfig, ReasonConfig, IntrinsicDimension, SpuriousModel)
FIELDS = {field.name for config in CONFIGS for field in dataclasses.fields(config) if "_" in field.name}
EMPTY_ADVICE = re.compile(
    r"(Write it so|Drop them|Name one of these|Correct it|Drop one or the other|Choose one|Add some|Repair it)\.$"
)
Template = tuple[str, str]  # place, text with {} for what is filled in


def text_of(node: ast.expr) -> str:
    """Return the constant parts of a string with {} where a value is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if isinstance(node, ast.BinOp):
        return text_of(node.left) + text_of(node.right)
    return "{}"


def templates() -> Iterator[Template]:
    """Yield all messages: what is assigned to `msg`, and what `require_setting` puts together."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            place = f"{file.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "msg":
                yield place, text_of(node.value)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "require_setting":
                _, field, expected, _, advice = node.args
                yield place, f"`{text_of(field)}` must be {text_of(expected)}: got {{}}. {text_of(advice)}"


def flags(command: click.Command) -> Iterator[str]:
    """Yield the flags of a command and of its subcommands."""
    yield from (flag for option in command.params for flag in option.opts)
    for part in command.commands.values() if isinstance(command, click.Group) else ():
        yield from flags(part)


MESSAGES = list(templates())
FLAGS = {*flags(cli), "--help"}


def test_messages_are_collected() -> None:
    assert len(MESSAGES) > 200
    assert any(text.startswith("`n_labeled`") or "`{}` must be at least" in text for _, text in MESSAGES)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message[0])
def test_a_message_names_flags_as_they_are_typed(message: Template) -> None:
    shown = as_typed(message[1])
    assert [flag for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", shown) if flag not in FLAGS] == []
    assert re.findall(r"`\w+`", shown) == []
    assert [name for name in FIELDS if re.search(rf"(?<![\w.]){name}(?![\w.])", shown)] == []


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message[0])
def test_the_advice_of_a_message_says_something(message: Template) -> None:
    assert EMPTY_ADVICE.search(message[1]) is None
