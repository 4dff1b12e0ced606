"""Threads: a product or decomposition has one, so that its sums have one order; independent tasks share several.

With more threads, BLAS cuts a product into other parts and adds their sums in another order, which changes the last
digits. Here tasks (blocks of rows, tiles, seeds) are the same for any number of threads, and what they return is used
in the order of the tasks.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from multiprocessing.pool import ThreadPool
from typing import TypeVar

from scipy import linalg as _blas_of_scipy  # noqa: F401  # a library can be limited once it is loaded
from threadpoolctl import threadpool_limits

from w2s_probe.linalg.kernels import blas_of

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 4  # tasks a thread that are handed out at once
LOOK = 0.1  # seconds between two looks: a wait without an end can outlast Ctrl-C


class _Threads:
    """Threads that start with the first tasks and end with the process: Ctrl-C does not wait for their tasks."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: ThreadPool | None = None

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        if self._pool is None:
            self._pool = ThreadPool(self.count, initializer=_begin)
        results = self._pool.imap(function, tasks)
        while True:
            try:
                yield results.next(timeout=LOOK)
            except StopIteration:
                return
            except multiprocessing.TimeoutError:
                continue

    def stop(self) -> None:
        if self._pool is not None:
            self._pool.terminate()


_shared: ContextVar[_Threads | None] = ContextVar("threads", default=None)


def _begin() -> None:
    """Prepare one of several threads: its own tasks run one by one, and libraries that use OpenMP have one thread."""
    _shared.set(_Threads(1))
    threadpool_limits(1)


@contextmanager
def shared_threads(count: int | None = None) -> Iterator[None]:
    """Context manager or decorator: one thread for BLAS, and `count` threads for the tasks of `map_in_order`.

    By default there are as many as numpy's BLAS would use: one for each processor, unless OMP_NUM_THREADS or another
    limit says otherwise. Inside another one it has no effect.
    """
    if _shared.get() is not None:
        yield
        return
    blas = blas_of("numpy")
    threads = _Threads(count or (blas.threads if blas else 1))
    limits = {"blas": 1} if count is None else {"blas": 1, "openmp": count}
    token = _shared.set(threads)
    try:
        with threadpool_limits(limits):
            yield
    finally:
        _shared.reset(token)
        threads.stop()


def map_in_order(function: Callable[[T], R], tasks: Iterable[T], *, at_once: int | None = None) -> Iterator[R]:
    """Yield ``function(task)`` in the order of the tasks, which the threads of `shared_threads` share.

    Outside of `shared_threads`, in one of its threads, or with ``at_once=1``, tasks run one by one in the calling
    thread; what they call may then use the threads.

    Parameters
    ----------
    function : callable
        May be called in any order.
    tasks : iterable
        Its arguments.
    at_once : int, optional
        Most tasks at the same time, where each takes much memory.
    """
    threads = _shared.get()
    if threads is None or threads.count == 1 or at_once == 1:
        yield from map(function, tasks)
        return
    rest = iter(tasks)
    while group := list(islice(rest, at_once or AHEAD * threads.count)):
        yield from map(function, group) if len(group) == 1 else threads.map(function, group)
        group.clear()  # tasks may be large: none waits while the next ones are made
