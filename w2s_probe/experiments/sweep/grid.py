"""The whole grid: which cells are missing, who fits them, and what they say together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from threading import Event, Thread

from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from w2s_probe.core.arrays import check_same_rows
from w2s_probe.core.config import SweepConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.types import Progress
from w2s_probe.experiments.sweep.cells import CellScores, CellStore, Place, cell_name, places
from w2s_probe.experiments.sweep.fit import fit_cells
from w2s_probe.experiments.sweep.splits import SplitSource
from w2s_probe.experiments.sweep.summary import summarize_sweep
from w2s_probe.experiments.sweep.theory import predicted
from w2s_probe.results.sweep import SweepResult
from w2s_probe.strategies import load_strategy

LOOK = 1.0  # seconds between two looks at what other processes have finished


def run_sweep(
    teachers: Mapping[str, FeatureSet],
    students: Mapping[str, FeatureSet],
    source: SplitSource,
    *,
    config: SweepConfig,
    folder: Path | None = None,
    jobs: int = 1,
    on_progress: Progress | None = None,
) -> SweepResult:
    """Return what weak-to-strong does in every cell of a grid: for each, what `run` finds at the same sizes and seed.

    Parameters
    ----------
    teachers, students : mapping of name to FeatureSet
        Features of the same n rows in the same order; every teacher is paired with every student.
    source : SplitSource
        Labels, and what splits are drawn from.
    config : SweepConfig
        The axes, and what all cells share.
    folder : Path, optional
        Where finished cells are kept, one small file each. Those that are there already are not fitted
        again, and the result has the same bytes as if nothing had interrupted it.
    jobs : int
        Processes, each of which takes a pair and a seed at a time and uses one thread for linear algebra.
    on_progress : callable, optional
        Called with ``"cells"``, cells finished and cells to fit.

    Raises
    ------
    SplitError
        If the data cannot supply a cell, before anything is fitted.
    ShapeError
        If the features do not have one row for each label.
    """
    for features in (*teachers.values(), *students.values()):
        check_same_rows(features.name, len(features), "the data", len(source.labels))
    for name in config.strategies:
        load_strategy(name, config.settings)
    test = source.check(config)
    pairs = list(product(range(len(teachers)), range(len(students))))
    sizes = (len(config.n_labeled), len(config.n_unlabeled))
    cells = list(places(config, pairs, sizes=sizes))
    weak, strong = list(teachers.values()), list(students.values())
    question = source.fingerprint()
    names = {
        place: cell_name(place, config, question=question, features=_specs(weak[place.pair[0]], strong[place.pair[1]]))
        for place in cells
    }
    store = CellStore(folder, names)
    missing = store.missing()
    units: dict[tuple[object, ...], list[Place]] = {}
    for place in missing:
        units.setdefault((place.pair, place.head, place.eta, place.seed), []).append(place)
    work = [
        _Work(weak[wanted[0].pair[0]], strong[wanted[0].pair[1]], source, config, store, tuple(wanted))
        for wanted in units.values()
    ]
    _finish(work, store, jobs=jobs, on_progress=on_progress)
    found = summarize_sweep(
        ((place, store.read(place)) for place in cells),
        config=config,
        source=source,
        test=test,
        pairs=[(list(teachers)[t], list(students)[s]) for t, s in pairs],
    )
    with threadpool_limits(1, user_api="blas"):
        return replace(found, theory=predicted(teachers, students, source, config=config))


@dataclass(frozen=True, eq=False)
class _Work:
    """The missing cells of one pair, one kind of head and one seed."""

    teacher: FeatureSet
    student: FeatureSet
    source: SplitSource
    config: SweepConfig
    store: CellStore
    wanted: tuple[Place, ...]

    def cells(self) -> Iterator[tuple[Place, CellScores]]:
        """Yield each cell once it is finished and kept."""
        first = self.wanted[0]
        at = {(place.n, place.N): place for place in self.wanted}
        with threadpool_limits(1, user_api="blas"):  # so that a sum is the same whatever else runs
            found = fit_cells(
                self.teacher,
                self.student,
                self.source.labels,
                groups=self.source.groups,
                grid=self.source.grid(self.config.seeds[first.seed], self.config, first.eta),
                config=self.config,
                head=self.config.head[first.head],
                wanted=at,
            )
            for where, cell in found:
                self.store.add(at[where], cell)
                yield at[where], cell

    def all(self) -> list[tuple[Place, CellScores]]:
        """Return the cells, or nothing if they are in files."""
        return [found for found in self.cells() if self.store.folder is None]


def _finish(work: Sequence[_Work], store: CellStore, *, jobs: int, on_progress: Progress | None) -> None:
    """Fit all missing cells."""
    total = sum(len(unit.wanted) for unit in work)
    show = on_progress or _silent
    if total:
        show("cells", 0, total)
    if jobs == 1 or len(work) < 2:
        for done, _ in enumerate((found for unit in work for found in unit.cells()), start=1):
            show("cells", done, total)
        return
    with _watched(store, total, show):
        for found in Parallel(n_jobs=min(jobs, len(work)), return_as="generator_unordered")(
            delayed(unit.all)() for unit in work
        ):
            store.held.update(found)
    show("cells", total, total)


def _silent(name: str, done: int, total: int) -> None:
    """Nobody looks."""


@contextmanager
def _watched(store: CellStore, total: int, show: Progress) -> Iterator[None]:
    """Show from time to time how many cells other processes have finished."""
    stopped = Event()

    def look() -> None:
        while not stopped.wait(LOOK):
            show("cells", total - len(store.missing()), total)

    watcher = Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stopped.set()
        watcher.join()


def _specs(teacher: FeatureSet, student: FeatureSet) -> tuple[str, str]:
    return teacher.spec.fingerprint(), student.spec.fingerprint()
