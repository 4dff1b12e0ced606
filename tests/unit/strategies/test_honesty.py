"""Ground truth of the pool reaches no strategy of another package unless its name begins with ``oracle_``."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import feature_set
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import draw_splits
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.experiments.sweep import SplitSource, run_sweep
from w2s_probe.strategies import W2SProblem

CODE = """
from dataclasses import dataclass
import numpy as np
from w2s_probe import Student
problems = []
@dataclass(frozen=True)
class Config:
    pass
def spy(problem, config: Config):
    problems.append(problem)
    problem.retaught(np.arange(len(problem.X_labeled)))
    problem.student_of(problem.teacher_scores[0])
    return Student(head=problem.vanilla(), kept=np.ones(len(problem.X_unlabeled), bool), rule="all")
"""
ROWS, POOL = 120, 60
RNG = np.random.default_rng(5)
WEAK, STRONG = (feature_set(RNG.standard_normal((ROWS, 5)), name) for name in ("teacher features", "student features"))
LABELS = Labels(values=RNG.permutation(np.arange(ROWS) % 3), classes=("a", "b", "c"))  # nothing tells them
CODES = RNG.permutation(np.arange(ROWS) % 2)
GROUPS = Groups(
    values=CODES, value_names=("g", "h"), codes=CODES, names=("g", "h"), cue={}, conflicting=np.zeros(ROWS, dtype=bool)
)


@pytest.fixture
def problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[W2SProblem]:
    """Install a package with the strategies spy and oracle_spy, and return the problems that they receive."""
    module = f"spy_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(CODE)
    info = tmp_path / f"{module}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
    points = [f"{name} = {module}:spy" for name in ("spy", "oracle_spy", "spy_oracle_", "Oracle_spy")]
    (info / "entry_points.txt").write_text("\n".join(["[w2s_probe.strategies]", *points]))
    monkeypatch.syspath_prepend(str(tmp_path))
    received: list[W2SProblem] = import_module(module).problems
    return received


def reachable(value: object, visited: set[int]) -> Iterator[np.ndarray]:
    """Yield all arrays that code can reach from an object by attributes, items and variables of closures."""
    if id(value) in visited or isinstance(value, types.ModuleType | type | str | bytes | int | float | None):
        return
    visited.add(id(value))
    if isinstance(value, np.ndarray):
        yield value
    for part in parts(value):
        yield from reachable(part, visited)


def parts(value: Any) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value
    if isinstance(value, types.FunctionType):
        yield from (cell.cell_contents for cell in value.__closure__ or ())
        yield from value.__defaults__ or ()
    if isinstance(value, functools.partial):
        yield from (value.func, value.args, value.keywords)
    names = [*getattr(value, "__dict__", {}), "__self__", "__func__", "__wrapped__", "base"]
    for kind in type(value).__mro__:
        names += getattr(kind, "__slots__", ())
    yield from (getattr(value, name) for name in names if hasattr(value, name))


def holds(array: np.ndarray, codes: np.ndarray, pool: np.ndarray) -> bool:
    """Return whether an array, of the pool or of all rows, has these codes of the pool as values or one-hot rows."""
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiub" or array.shape[0] not in (len(pool), ROWS):
        return False
    rows = array if len(array) == len(pool) else array[pool]
    columns = [rows] if rows.ndim == 1 else [*rows.T, rows.argmax(axis=1)]
    return any(np.array_equal(column, codes) for column in columns)


def run(strategy: str, head: str) -> np.ndarray:
    splits = draw_splits(LABELS, seeds=[0], n_labeled=30, n_unlabeled=POOL, n_test=20)
    config = W2SConfig(strategies=("vanilla", strategy), seeds=1, head=head)  # type: ignore[arg-type]  # both kinds
    run_w2s(WEAK, STRONG, LABELS, splits=splits, config=config, groups=GROUPS)
    return splits[0].unlabeled


@pytest.mark.parametrize("head", ["ridge", "softmax"])
@pytest.mark.parametrize("strategy", ["spy", "spy_oracle_", "Oracle_spy"])
def test_no_array_that_a_strategy_can_reach_holds_labels_or_groups_of_the_pool(
    problems: list[W2SProblem], strategy: str, head: str
) -> None:
    pool = run(strategy, head)
    (problem,) = problems
    arrays = list(reachable(problem, set()))
    assert problem.oracle is None
    assert sum(array is problem.X_unlabeled for array in arrays) == 1
    assert not any(holds(array, LABELS.values[pool], pool) for array in arrays)
    assert not any(holds(array, GROUPS.codes[pool], pool) for array in arrays)


def test_an_oracle_receives_labels_and_groups_of_the_pool(problems: list[W2SProblem]) -> None:
    pool = run("oracle_spy", "ridge")
    arrays = list(reachable(problems[0], set()))
    assert any(holds(array, LABELS.values[pool], pool) for array in arrays)
    assert any(holds(array, GROUPS.codes[pool], pool) for array in arrays)


def test_a_sweep_gives_its_strategies_no_more(problems: list[W2SProblem]) -> None:
    source = SplitSource(labels=LABELS, groups=GROUPS)
    config = SweepConfig(n_labeled=(30,), n_unlabeled=(POOL,), n_test=20, strategies=("vanilla", "spy"), seeds=(0,))
    run_sweep({"t": WEAK}, {"s": STRONG}, source, config=config)
    pool = source.grid(0, config).pools[0]
    arrays = list(reachable(problems[0], set()))
    assert arrays
    assert not any(holds(array, LABELS.values[pool], pool) for array in arrays)


@pytest.mark.parametrize("strategy", ["spy", "oracle_spy"])
def test_every_array_that_a_strategy_can_reach_is_read_only(problems: list[W2SProblem], strategy: str) -> None:
    run(strategy, "ridge")
    given = [problems[0].X_labeled, problems[0].Y_labeled, problems[0].X_unlabeled, problems[0].vanilla().scores]
    assert len(list(reachable(given, set()))) >= 5
    arrays = list(reachable(problems[0], set()))
    bases = {id(array.base) for array in arrays}  # rows and features of the caller, of which strategies get views
    writeable = [array.shape for array in arrays if array.flags.writeable and id(array) not in bases]
    assert writeable == []


def test_the_pool_is_not_copied_for_each_strategy(problems: list[W2SProblem]) -> None:
    splits = draw_splits(LABELS, seeds=[0], n_labeled=30, n_unlabeled=POOL, n_test=20)
    run_w2s(WEAK, STRONG, LABELS, splits=splits, config=W2SConfig(strategies=("spy", "spy_oracle_"), seeds=1))
    assert problems[0].X_unlabeled is problems[1].X_unlabeled
    assert problems[0].pseudolabels is not problems[1].pseudolabels  # a list can be changed
