"""Rules of code that a machine can check."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parents[2] / "w2s_probe").rglob("*.py"))
LONGEST = 50  # lines of a function without its docstring
DEEPEST = 3
BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try)
PARTICIPLES = re.compile(r"\b(found|said|seen|held|known)\b")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(file: Path) -> Iterator[Function]:
    """Yield all functions of a file, nested ones as well."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def lines_of(function: Function) -> int:
    """Return the number of lines without docstring and decorators."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def depth_of(node: ast.AST) -> int:
    """Return how many blocks are nested below a node; `elif` does not nest."""
    depth = 0
    for child in ast.iter_child_nodes(node):
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        own = isinstance(child, BLOCKS) and not is_elif
        depth = max(depth, own + (0 if isinstance(child, Function) else depth_of(child)))
    return depth


def test_the_measures_count_lines_and_blocks() -> None:
    lines = ["def f(x):", '    """Text.', "", '    More."""', "    for i in x:", "        if i:", "            pass"]
    source = "\n".join([*lines, "        elif x:", "            pass"])
    (function,) = (node for node in ast.walk(ast.parse(source)) if isinstance(node, Function))
    assert (lines_of(function), depth_of(function)) == (6, 2)


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(file.parts[-2:]))
def test_functions_are_short_and_flat(file: Path) -> None:
    measured = [(function.name, lines_of(function), depth_of(function)) for function in functions(file)]
    assert [(name, lines, depth) for name, lines, depth in measured if lines > LONGEST or depth > DEEPEST] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(file.parts[-2:]))
def test_a_name_is_a_noun(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    fields = {id(node.target) for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)}  # what --json prints
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    assigned = [node.id for node in names if PARTICIPLES.fullmatch(node.id) and id(node) not in fields]
    assert assigned == []
