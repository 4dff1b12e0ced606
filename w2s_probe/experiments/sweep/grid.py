"""Runs the whole grid: lists the missing cells, fits them in one or several processes, summarizes all cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, product
from pathlib import Path
from threading import Event, Thread

from threadpoolctl import threadpool_limits

from w2s_probe.core.arrays import check_same_rows
from w2s_probe.core.children import deaf_children
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.core.types import Progress
from w2s_probe.core.writing import remove_leftovers
from w2s_probe.experiments.sweep.cells import CellScores, CellStore, Place, cell_name, places
from w2s_probe.experiments.sweep.fit import fit_cells
from w2s_probe.experiments.sweep.splits import SplitSource
from w2s_probe.experiments.sweep.summary import summarize_sweep
from w2s_probe.experiments.sweep.theory import expected_risks
from w2s_probe.results.sweep import SweepResult
from w2s_probe.strategies import check_strategies, chosen_strategies
from w2s_probe.strategies.revision import code_revisions

INTERVAL = 1.0  # seconds between two counts of the cells that other processes have finished


def run_sweep(
    teachers: Mapping[str, FeatureSet | Sequence[FeatureSet]],
    students: Mapping[str, FeatureSet],
    source: SplitSource,
    *,
    config: SweepConfig,
    folder: Path | None = None,
    jobs: int = 1,
    on_progress: Progress | None = None,
    on_note: Callable[[str], None] | None = None,
) -> SweepResult:
    """Return the result of weak-to-strong training in every cell of a grid: as `run` at the same sizes and seed.

    Parameters
    ----------
    teachers : mapping of name to FeatureSet, or to several of them
        Features of n rows. Several are a committee: teacher, gain and theory speak of the first one.
    students : mapping of name to FeatureSet
        Features of the same n rows in the same order. Every teacher or committee is paired with every student.
    source : SplitSource
        Labels, groups and fixed parts, from which splits are drawn.
    config : SweepConfig
        The axes and the settings that all cells share.
    folder : Path, optional
        Folder of finished cells, one small file each. Cells in it are not fitted again; a resumed sweep has the same
        bytes as an uninterrupted one.
    jobs : int
        Number of processes. Each fits one pair and seed at a time, with one thread for linear algebra.
    on_progress : callable, optional
        Called with ``"cells"``, the number of finished cells and the number of cells to fit.
    on_note : callable, optional
        Called with a sentence on files of `folder` that hold something else than their cell, which is fitted again.

    Raises
    ------
    SplitError
        If the data cannot supply a cell, before anything is fitted.
    ShapeError
        If the features do not have one row for each label.
    """
    weak = [(side,) if isinstance(side, FeatureSet) else tuple(side) for side in teachers.values()]
    strong = list(students.values())
    for features in (*chain.from_iterable(weak), *strong):
        check_same_rows(features.name, len(features), "the data", len(source.labels))
    check_strategies(config.strategies, config.settings)
    test = source.check(config)
    pairs = list(product(range(len(teachers)), range(len(students))))
    sizes = (len(config.n_labeled), len(config.n_unlabeled))
    cells = list(places(config, pairs, sizes=sizes))
    question = source.fingerprint()
    names = {
        place: cell_name(place, config, question=question, features=_specs(*weak[place.pair[0]], strong[place.pair[1]]))
        for place in cells
    }
    if folder is not None:
        remove_leftovers(folder)
    store = CellStore(folder, names, _origins(cells, weak, strong, config) if folder else {})
    unused = store.check()
    if on_note and folder and (unused.foreign or unused.damaged):
        on_note(unused.note(folder))
    missing = store.missing()
    by_task: dict[tuple[object, ...], list[Place]] = {}
    for place in missing:
        by_task.setdefault((place.pair, place.head, place.eta, place.seed), []).append(place)
    tasks = [
        _Task(weak[group[0].pair[0]], strong[group[0].pair[1]], source, config, store.part(group), tuple(group))
        for group in by_task.values()
    ]
    _finish(tasks, store, jobs=jobs, on_progress=on_progress)
    result = summarize_sweep(
        ((place, store.read(place)) for place in cells),
        config=config,
        source=source,
        test=test,
        pairs=[(list(teachers)[t], list(students)[s]) for t, s in pairs],
    )
    with threadpool_limits(1, user_api="blas"):
        first = dict(zip(teachers, (members[0] for members in weak), strict=True))
        return replace(result, theory=expected_risks(first, students, source, config=config))


@dataclass(frozen=True, eq=False)
class _Task:
    """The missing cells of one pair, one kind of head, one pair of etas and one seed."""

    teachers: tuple[FeatureSet, ...]
    student: FeatureSet
    source: SplitSource
    config: SweepConfig
    store: CellStore
    places: tuple[Place, ...]

    def cells(self) -> Iterator[tuple[Place, CellScores]]:
        """Fit the cells and yield each one after it is saved."""
        first = self.places[0]
        by_size = {(place.n, place.N): place for place in self.places}
        with threadpool_limits(1, user_api="blas"):  # one thread: sums do not depend on the number of threads
            cells = fit_cells(
                self.teachers[0],
                self.student,
                self.source.labels,
                more_teachers=self.teachers[1:],
                groups=self.source.groups,
                links=self.source.links,
                grid=self.source.grid(self.config.seeds[first.seed], self.config, first.eta),
                config=self.config,
                head=self.config.head[first.head],
                sizes=by_size,
            )
            for size, cell in cells:
                self.store.add(by_size[size], cell)
                yield by_size[size], cell

    def without_files(self) -> list[tuple[Place, CellScores]]:
        """Fit the cells and return those that are in no file."""
        return [finished for finished in self.cells() if self.store.folder is None]


def _finish(tasks: Sequence[_Task], store: CellStore, *, jobs: int, on_progress: Progress | None) -> None:
    """Fit all missing cells."""
    total = sum(len(task.places) for task in tasks)
    show = on_progress or _no_progress
    if total:
        show("cells", 0, total, "the first cells are being fitted")
    if jobs == 1 or len(tasks) < 2:
        for done, _ in enumerate((cell for task in tasks for cell in task.cells()), start=1):
            show("cells", done, total)
        return
    from multiprocessing import resource_tracker

    from joblib import Parallel, delayed

    resource_tracker.ensure_running()  # inside the block below it would let Ctrl-C through again
    with _counting(store, total, show):
        parallel = Parallel(n_jobs=min(jobs, len(tasks)), return_as="generator_unordered")
        with deaf_children():
            finished = parallel(delayed(task.without_files)() for task in tasks)
        for cells in finished:
            store.in_memory.update(cells)
    show("cells", total, total)


def _no_progress(name: str, done: int, total: int, detail: str = "", /) -> None:
    """Show nothing."""


@contextmanager
def _counting(store: CellStore, total: int, show: Progress) -> Iterator[None]:
    """Context manager: show the number of cells that other processes have finished, every `INTERVAL` seconds."""
    stopped = Event()

    def count() -> None:
        while not stopped.wait(INTERVAL):
            show("cells", total - len(store.missing()), total)

    watcher = Thread(target=count, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stopped.set()
        watcher.join()


def _origins(
    cells: Sequence[Place], weak: Sequence[Sequence[FeatureSet]], strong: Sequence[FeatureSet], config: SweepConfig
) -> dict[Place, object]:
    """Return all that decides the numbers of each cell beside its name: the code, and hashes of all features."""
    code = code_revisions(chosen_strategies(config.strategies))
    distinct = {id(features): features for features in (*chain.from_iterable(weak), *strong)}
    hashes = {key: features.content_hash() for key, features in distinct.items()}

    def own(place: Place) -> list[str]:
        return [hashes[id(features)] for features in (*weak[place.pair[0]], strong[place.pair[1]])]

    return {place: {"code": code, "features": own(place)} for place in cells}


def _specs(*features: FeatureSet) -> tuple[str, ...]:
    """Return the fingerprints of the teachers, in their order, and of the student."""
    return tuple(one.spec.fingerprint() for one in features)
