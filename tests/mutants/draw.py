"""Mutants of the package by cosmic-ray's operators, and a draw of them that other changes of the code leave alone."""

from __future__ import annotations

import hashlib
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SEED = "2026"

# Not drawn: decorators (slots and frozen change no value), variables by name (they need arguments), and identity in
# place of equality or the reverse, where interning decides.
LEFT_OUT = ("RemoveDecorator", "VariableReplacer", "VariableInserter")
IDENTITY = ("_Is_IsNot", "_IsNot_Is")
# Code that states types or words: annotations, decorators, the text of messages.
TYPES_AND_WORDS = ("decorator", "fstring", "fstring_expr", "tfpdef", "import_from", "import_name")
SMALL = ("expr_stmt", "return_stmt", "raise_stmt", "assert_stmt", "if_stmt", "for_stmt", "while_stmt", "with_stmt")


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of one file.

    `key` names it by file, function, line and change, not by the number of the line; `lines` are those of its
    statement, `inside` whether it is in the body of a function; `original` and `code` are the texts of the file.
    """

    key: str
    area: str
    file: str
    scope: str
    was: str
    becomes: str
    lines: tuple[int, int]
    inside: bool
    original: str
    code: str


@dataclass(frozen=True, kw_only=True)
class Area:
    """Files that are mutated together, the number of mutants drawn, and the paths of the tests that must notice."""

    name: str
    drawn: int
    files: list[str]
    tests: list[str]


def areas() -> list[Area]:
    """Return the areas of areas.toml; patterns of files are written out."""
    table = tomllib.loads((HERE / "areas.toml").read_text(encoding="utf-8"))
    return [
        Area(
            name=name,
            drawn=area["drawn"],
            files=sorted({path.relative_to(ROOT).as_posix() for glob in area["files"] for path in ROOT.glob(glob)}),
            tests=area["tests"],
        )
        for name, area in table.items()
    ]


def named_mutants() -> list[Mutant]:
    """Return the mutants of named.toml, which were written by hand."""
    mutants = []
    for entry in tomllib.loads((HERE / "named.toml").read_text(encoding="utf-8"))["mutant"]:
        source = (ROOT / entry["file"]).read_text(encoding="utf-8")
        if source.count(entry["was"]) != 1:
            msg = f"{entry['file']} must have {entry['was']!r} once: got {source.count(entry['was'])}. See named.toml."
            raise ValueError(msg)
        first = source[: source.index(entry["was"])].count("\n") + 1
        mutants.append(
            Mutant(
                key=f"named: {entry['name']}",
                area=entry["area"],
                file=entry["file"],
                scope="named",
                was=entry["was"],
                becomes=entry["becomes"],
                lines=(first, first + entry["was"].count("\n")),
                inside=entry["inside"],
                original=source,
                code=source.replace(entry["was"], entry["becomes"]),
            )
        )
    return mutants


def drawn_mutants(area: Area) -> list[Mutant]:
    """Return the mutants of an area that the seed draws.

    Places in the code are ordered by a hash of seed, file, function and the line's text, and the first ones are drawn;
    each gives one of its mutants. A change elsewhere therefore changes few of the mutants.
    """
    places: dict[str, list[_Place]] = {}
    for file in area.files:
        for place in _places(file):
            places.setdefault(place.key, []).append(place)
    mutants: list[Mutant] = []
    for key in sorted(places, key=_hash):
        if len(mutants) == area.drawn:
            break
        ordered = sorted(places[key], key=lambda place: _hash(f"{key} {place.operator}"))
        mutant = next((mutant for place in ordered if (mutant := _mutant(area, place))), None)
        mutants += [mutant] if mutant else []
    return mutants


@dataclass(frozen=True, kw_only=True)
class _Place:
    key: str
    file: str
    scope: str
    operator: str
    occurrence: int
    lines: tuple[int, int]
    inside: bool


def _hash(text: str) -> str:
    return hashlib.sha256(f"{SEED} {text}".encode()).hexdigest()


def _operators() -> list[str]:
    names = []
    for name in operator_names():
        kind = name.partition("/")[2]
        pair = kind.replace("ReplaceComparisonOperator", "")
        mixed = pair != kind and pair not in IDENTITY and ("_Is_" in f"{pair}_" or "_IsNot_" in f"{pair}_")
        if not kind.startswith(LEFT_OUT) and not mixed:
            names.append(name)
    return names


def _places(file: str) -> Iterator[_Place]:
    """Yield every place of a file that an operator changes, in the order in which the operator counts them."""
    source = (ROOT / file).read_text(encoding="utf-8")
    lines = source.split("\n")
    repeated: Counter[str] = Counter()
    nodes = list(ast_nodes(get_ast(source)))
    without_words = [node for node in nodes if not _is_word(node)]
    for name in _operators():
        operator, occurrence = get_operator(name)(), -1
        for node in nodes if "Exception" in name else without_words:
            for index, ((row, column), _) in enumerate(operator.mutation_positions(node)):
                occurrence += 1
                if _states_types_or_words(node):
                    continue
                text = lines[row - 1].partition("  #")[0]
                family = name.partition("/")[2].partition("_")[0]
                scope = _scope(node)
                offset = column - (len(text) - len(text.lstrip()))
                key = f"{file} {scope}: {text.strip()} @{offset} {family}"
                repeated[f"{key} {name} {index}"] += 1
                yield _Place(
                    key=f"{key} {repeated[f'{key} {name} {index}']}",
                    file=file,
                    scope=scope,
                    operator=name,
                    occurrence=occurrence,
                    lines=_statement(node, row),
                    inside=_in_a_body(node),
                )


def _is_word(node: Any) -> bool:
    """Whether a node is a leaf that only the replacement of exceptions changes: names, texts and punctuation."""
    return node.type in ("name", "string", "newline") or (node.type == "operator" and node.value in "()[]{},:.=")


def _parents(node: Any) -> Iterator[Any]:
    while node is not None:
        yield node
        node = node.parent


def _states_types_or_words(node: Any) -> bool:
    inner = None
    for outer in _parents(node):
        if outer.type in TYPES_AND_WORDS or _is_message(outer) or _is_for_types(outer):
            return True
        if outer.type == "annassign" and inner is outer.children[1]:
            return True
        if outer.type == "funcdef" and inner is not None and inner is outer.annotation:
            return True
        inner = outer
    return False


def _is_message(node: Any) -> bool:
    return node.type == "expr_stmt" and node.children[0].get_code().strip() == "msg"


def _is_for_types(node: Any) -> bool:
    """Whether a node is the star before keyword-only parameters, or an `if TYPE_CHECKING`."""
    star = node.type == "operator" and node.parent.type in ("parameters", "param")
    return star or (node.type == "if_stmt" and node.children[1].get_code().strip() == "TYPE_CHECKING")


def _scope(node: Any) -> str:
    names = [outer.name.value for outer in _parents(node) if outer.type in ("funcdef", "classdef")]
    return ".".join(reversed(names)) or "module"


def _in_a_body(node: Any) -> bool:
    """Whether a node runs when a function is called, not when its module is imported."""
    inner = None
    for outer in _parents(node):
        if outer.type in ("funcdef", "lambdef") and inner is outer.children[-1]:
            return True
        inner = outer
    return False


def _statement(node: Any, row: int) -> tuple[int, int]:
    """Return the first and the last line of the statement, or of a compound statement's head up to the node."""
    outer = next((outer for outer in _parents(node) if outer.type in SMALL), node)
    compound = outer.type in SMALL[4:]
    return min(outer.start_pos[0], row), row if compound else max(outer.end_pos[0], row)


def _mutant(area: Area, place: _Place) -> Mutant | None:
    """Return the mutant of a place; None if it is no code, or the same code."""
    source = (ROOT / place.file).read_text(encoding="utf-8")
    try:
        code = mutate_code(source, get_operator(place.operator)(), place.occurrence)
    except AttributeError:  # cosmic-ray cannot replace an exception with a dotted name among several
        return None
    if code is None or not _compiles(code):
        return None
    old, new = source.split("\n"), code.split("\n")
    changed = next((i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), None)
    if changed is None:
        return None
    kind = place.operator.partition("/")[2]
    return Mutant(
        key=f"{place.key} {kind}",
        area=area.name,
        file=place.file,
        scope=place.scope,
        was=old[changed].strip(),
        becomes=new[changed].strip(),
        lines=place.lines,
        inside=place.inside,
        original=source,
        code=code,
    )


def _compiles(code: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            compile(code, "mutant", "exec")
        except (SyntaxError, Warning):
            return False
    return True
