"""No strategy but those named oracle_… can reach the pool's ground truth, whatever it looks at."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pytest

from tests.conftest import pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.groups import Groups, read_groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split, draw_splits
from w2s_probe.experiments.run.protocol import fit_seed

SPY = """
from dataclasses import dataclass
import numpy as np
from w2s_probe.strategies import Student, W2SProblem
GIVEN: list[W2SProblem] = []
@dataclass(frozen=True)
class Config:
    pass
def spy(problem, config: Config):
    GIVEN.append(problem)
    return Student(head=problem.vanilla(), kept=np.ones(len(problem.X_unlabeled), dtype=bool), rule="all")
"""
NAMES = ("spy", "spy_oracle_", "my_oracle_spy", "ORACLE_spy", "oracle", "oracle_spy")  # only the last one is an oracle


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Install a package with one strategy of several names; return the list of all problems it is given."""
    module = f"spy_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{module}.py").write_text(SPY, encoding="utf-8")
    info = tmp_path / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
    points = "\n".join(f"{name} = {module}:spy" for name in NAMES)
    (info / "entry_points.txt").write_text(f"[w2s_probe.strategies]\n{points}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    problems: list[Any] = import_module(module).GIVEN
    return problems


def run(labels: Labels, groups: Groups, split: Split, *strategies: str) -> None:
    teacher, student, _ = pair_of_views(300)
    fit_seed(teacher, student, labels, split=split, config=W2SConfig(strategies=strategies), groups=groups)


def colored(labels: Labels, *, seed: int) -> Groups:
    values = np.random.default_rng(seed).integers(2, size=len(labels))
    return read_groups([f"v{value}" for value in values], labels, name="color")


def scene() -> tuple[Labels, Split]:
    _, _, labels = pair_of_views(300)
    return labels, draw_splits(labels, seeds=[0], n_labeled=60, n_unlabeled=140, n_test=90)[0]


def reachable(thing: object, visited: set[int]) -> Iterator[bytes]:
    """Yield every array and every simple value that a strategy can reach: fields, closures, attributes."""
    if id(thing) in visited:
        return
    visited.add(id(thing))
    if isinstance(thing, np.ndarray):
        yield str((thing.shape, thing.dtype)).encode() + thing.tobytes()
    elif isinstance(thing, str | bytes | int | float | np.generic | None):
        yield repr(thing).encode()
    else:
        for part in parts_of(thing):
            yield from reachable(part, visited)


def parts_of(thing: Any) -> list[Any]:
    """Return what an object holds."""
    if isinstance(thing, dict):
        return [*thing, *thing.values()]
    if isinstance(thing, list | tuple | set):
        return list(thing)
    if isinstance(thing, FunctionType):
        return [cell.cell_contents for cell in thing.__closure__ or ()] + [thing.__defaults__, thing.__kwdefaults__]
    if dataclasses.is_dataclass(thing):
        return [getattr(thing, field.name) for field in dataclasses.fields(thing)]
    of_generator = [thing.bit_generator.state] if isinstance(thing, np.random.Generator) else []
    of_partial = [thing.func, thing.args, thing.keywords] if isinstance(thing, partial) else []
    attributes = [getattr(thing, name, None) for name in ("__wrapped__", "__self__", "__dict__")]
    return [*of_generator, *of_partial, *attributes]


def test_only_a_name_that_begins_with_oracle_receives_the_truth(given: list[Any]) -> None:
    labels, split = scene()
    groups = colored(labels, seed=0)
    run(labels, groups, split, *NAMES)
    assert [problem.oracle is None for problem in given] == [True] * 5 + [False]
    oracle = given[-1].oracle
    np.testing.assert_array_equal(oracle.targets, np.eye(2)[labels.values[split.unlabeled]])
    np.testing.assert_array_equal(oracle.groups, groups.codes[split.unlabeled])


def test_all_that_a_strategy_can_reach_is_the_same_whatever_the_truth_is(given: list[Any]) -> None:
    labels, split = scene()
    other = np.random.default_rng(1).integers(2, size=300)
    other[split.labeled] = labels.values[split.labeled]
    for number, truth in enumerate((labels.values, other)):
        values = replace(labels, values=truth)
        run(values, colored(values, seed=number), split, "spy", "oracle_spy")
    one, _, two, _ = (list(reachable(problem, set())) for problem in given)
    assert len(one) > 50  # features, pseudolabels and the closures of the problem's functions
    assert one == two
    oracles = [list(reachable(problem, set())) for problem in (given[1], given[3])]
    assert oracles[0] != oracles[1]  # the walk finds the truth where it is


def test_without_groups_an_oracle_receives_none(given: list[Any]) -> None:
    teacher, student, labels = pair_of_views(300)
    _, split = scene()
    fit_seed(teacher, student, labels, split=split, config=W2SConfig(strategies=("oracle_spy",)))
    assert given[0].oracle.groups is None
