"""Tasks share threads, what they return comes in their order, and BLAS has one thread."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from w2s_probe.linalg.moments import moments_of
from w2s_probe.linalg.spectra import centered_spectrum
from w2s_probe.linalg.threads import map_in_order, shared_threads

SLEEPERS = """
import os, signal, threading, time
from w2s_probe.linalg.threads import map_in_order, shared_threads
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
with shared_threads(2):
    list(map_in_order(time.sleep, [600, 600, 600]))
"""


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_results_come_in_the_order_of_the_tasks_and_two_are_in_work_at_once() -> None:
    last = threading.Event()

    def wait_for_the_last(task: int) -> int:
        if task == 5:
            last.set()
        elif task == 0:
            assert last.wait(60)
        return task

    with shared_threads(2):
        assert list(map_in_order(wait_for_the_last, range(6))) == list(range(6))


def test_blas_has_one_thread_in_every_task_and_its_own_number_afterwards() -> None:
    with threadpool_limits(2, user_api="blas"):
        with shared_threads(2):
            assert blas_threads() == {1}
            assert list(map_in_order(lambda _: blas_threads(), range(4))) == [{1}] * 4
        assert blas_threads() == {2}


def test_a_task_runs_its_own_tasks_one_by_one() -> None:
    def threads_of(_: int) -> set[int]:
        return {threading.get_ident(), *map_in_order(lambda _: threading.get_ident(), range(4))}

    with shared_threads(2):
        assert all(len(threads) == 1 for threads in map_in_order(threads_of, range(4)))
        here = {threading.get_ident()}
        assert set(map_in_order(lambda _: threading.get_ident(), range(4), at_once=1)) == here
        assert not here & set(map_in_order(lambda _: threading.get_ident(), range(4), at_once=2))
    assert set(map_in_order(lambda _: threading.get_ident(), range(4))) == here


def test_the_error_of_the_first_task_that_fails_is_raised() -> None:
    def fail(task: int) -> int:
        if task >= 2:
            msg = f"task {task}"
            raise ValueError(msg)
        return task

    with shared_threads(2), pytest.raises(ValueError, match="task 2"):
        list(map_in_order(fail, range(8)))


def test_ctrl_c_does_not_wait_for_tasks() -> None:
    done = subprocess.run([sys.executable, "-c", SLEEPERS], capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")


def test_products_of_blocks_have_the_same_bytes_for_any_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((9000, 150)).astype(np.float32), rng.standard_normal((9000, 3))
    found = []
    for count in (1, 2, 3):
        with shared_threads(count):
            spectrum, loadings = centered_spectrum(X, Y, np.ones(9000))
            moments = moments_of({"x": X, "y": Y}, rows=np.arange(0, 9000, 3))
        found.append((spectrum.eigenvalues, loadings, moments.mean, moments.scatter))
    for several in found[1:]:
        assert all(np.array_equal(one, other) for one, other in zip(found[0], several, strict=True))
