"""Which kernels libraries run, that faiss runs numpy's, and that distances follow no kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import w2s_probe
from w2s_probe.core.arrays import as_matrix
from w2s_probe.diagnostics import nearest_neighbors
from w2s_probe.linalg.kernels import CORE_TYPE, FAISS_KERNELS, Blas, _owner, blas_of, load_faiss

LOADED = """
import json, os, sys
import numpy as np
np.linalg.eigvalsh(np.eye(2))
if sys.argv[1] == "hidden":
    del os.environ["OPENBLAS_CORETYPE"]
before = dict(os.environ)
from w2s_probe.linalg.kernels import blas_of, load_faiss
load_faiss()
print(json.dumps([blas_of("numpy").kernel, blas_of("faiss").kernel, dict(os.environ) == before]))
"""
NEIGHBORS = """
import sys
import numpy as np
from w2s_probe.diagnostics import nearest_neighbors
np.save(sys.argv[2], nearest_neighbors(np.load(sys.argv[1]), k=7).distances)
"""


def numpy_brings_openblas() -> bool:
    blas = blas_of("numpy")
    return blas is not None and blas.kernel in FAISS_KERNELS


x86_wheels = pytest.mark.skipif(not numpy_brings_openblas(), reason="numpy runs no OpenBLAS for x86")


def run(program: str, *arguments: str, kernel: str) -> str:
    env = {**os.environ, CORE_TYPE: kernel}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


@x86_wheels
@pytest.mark.parametrize("kernel", ["Nehalem", "Sandybridge", "Haswell"])
def test_faiss_runs_the_kernel_of_numpy_and_the_environment_stays(kernel: str) -> None:
    assert json.loads(run(LOADED, "hidden", kernel=kernel)) == [kernel, kernel, True]


@x86_wheels
@pytest.mark.parametrize("kernel", ["Prescott", "Haswell"])
def test_a_kernel_that_the_user_names_is_respected(kernel: str) -> None:
    _, faiss, unchanged = json.loads(run(LOADED, "named", kernel=kernel))
    assert (faiss, unchanged) == (kernel, True)


@x86_wheels
@pytest.mark.parametrize("kernel", ["Prescott", "Nehalem", "Haswell"])
def test_distances_are_equal_with_every_kernel(tmp_path: Path, kernel: str) -> None:
    X = np.random.default_rng(0).standard_normal((2500, 30)).astype(np.float32) + 50  # more than one tile
    np.save(tmp_path / "X.npy", X)
    run(NEIGHBORS, str(tmp_path / "X.npy"), str(tmp_path / "distances.npy"), kernel=kernel)
    exact = np.sort(cdist(X.astype(np.float64), X.astype(np.float64)), axis=1)[:, 1:8]
    np.testing.assert_allclose(np.load(tmp_path / "distances.npy"), exact, rtol=1e-6)


@pytest.mark.parametrize("n", [2047, 2049, 4100])
def test_neighbors_across_tiles_are_brute_forces(n: int) -> None:
    X = as_matrix(np.sort(np.random.default_rng(n).standard_normal((n, 3)), axis=0), "X")  # neighbors in one tile
    exact = np.sort(cdist(X, X), axis=1)[:, 1:6]
    np.testing.assert_allclose(nearest_neighbors(X, k=5).distances, exact, atol=1e-12)


@pytest.mark.parametrize("before", [None, "", "Haswell"])
def test_the_variable_is_restored(monkeypatch: pytest.MonkeyPatch, before: str | None) -> None:
    monkeypatch.delenv(CORE_TYPE, raising=False)
    if before is not None:
        monkeypatch.setenv(CORE_TYPE, before)
    assert load_faiss().__name__ == "faiss"
    assert os.environ.get(CORE_TYPE) == before


@pytest.mark.parametrize(
    ("kernel", "old"),
    [("Prescott", True), ("Katmai", True), ("Nehalem", True), ("Haswell", False), ("SkylakeX", False), ("", False)],
)
def test_kernels_without_avx_are_old(kernel: str, old: bool) -> None:
    assert Blas(library="faiss", name="openblas", version="0.3.15", kernel=kernel, threads=1).old is old


def test_one_file_imports_faiss() -> None:
    package = Path(w2s_probe.__file__).parent
    importing = [file.name for file in package.rglob("*.py") if "import faiss" in file.read_text(encoding="utf-8")]
    assert importing == []
    assert 'import_module("faiss")' in (package / "linalg" / "kernels.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "owner"),
    [
        ("/elsewhere/than/numpy/site-packages/numpy.libs/libscipy_openblas64_.so", "numpy"),  # behind a link
        ("/e/site-packages/scipy/.dylibs/libscipy_openblas.dylib", "scipy"),
        ("/e/site-packages/faiss_cpu.libs/libopenblaso.so", "faiss"),
        ("/e/site-packages/sklearn.libs/libgomp.so", ""),
        ("/usr/lib/x86_64-linux-gnu/libopenblas.so.0", ""),
    ],
)
def test_the_folder_of_a_library_tells_whose_it_is(file: str, owner: str) -> None:
    assert _owner(Path(file)) == owner
