"""Feature files with bytes changed: a finite matrix or one sentence, never anything else."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from tests.conftest import mutations
from w2s_probe.core.errors import W2SProbeError
from w2s_probe.pipeline.feature_files import read_features

IN_PROCESS = ("plain.npy", "plain.npz", "small.npz", "plain.safetensors")
IN_ANOTHER = ("columns.parquet", "lists.parquet", "plain.parquet")  # each read starts a process, which takes a while


@cache
def valid(name: str) -> bytes:
    """Return a feature file of five rows."""
    X = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    ids = np.array(list("abcde"))
    buffer = io.BytesIO()
    if name == "plain.npy":
        np.save(buffer, X)
    elif name == "plain.npz":
        np.savez(buffer, X=X, ids=ids)
    elif name == "small.npz":
        np.savez_compressed(buffer, X=X, ids=ids)
    elif name == "plain.safetensors":
        return bytes(save({"X": X, "ids": np.arange(5)}))
    elif name == "columns.parquet":
        pl.DataFrame({"id": ids, "a": X[:, 0], "b": X[:, 1]}).write_parquet(buffer)
    else:
        plain = name == "plain.parquet"
        frame = pl.DataFrame({"id": ids, "features": X.tolist()})
        frame.write_parquet(buffer, compression="uncompressed" if plain else "zstd")
    return buffer.getvalue()


def read_changed(name: str, changed: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(changed)
        try:
            file = read_features(path)
            X, ids = file.X, file.ids
        except W2SProbeError as error:
            assert len(str(error)) < 500
            return
        assert X.dtype in (np.float32, np.float64)
        assert X.ndim == 2
        assert X.size > 0
        assert np.isfinite(X).all()
        assert ids is None or all(isinstance(name, str) for name in ids)


@pytest.mark.parametrize("name", [*IN_PROCESS, *IN_ANOTHER])
def test_the_files_are_read_while_nothing_is_changed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(valid(name))
    assert len(read_features(tmp_path / name).X) == 5


READ = """
import sys
from pathlib import Path
from w2s_probe.pipeline.feature_files import read_features
from w2s_probe.core.errors import DataError
try:
    read_features(Path(sys.argv[1]))
except DataError as error:
    print(error)
"""


@pytest.mark.parametrize(("name", "at"), [("lists.parquet", 59), ("plain.parquet", 50)])
def test_parquet_that_makes_polars_abort_is_one_sentence(tmp_path: Path, name: str, at: int) -> None:
    whole = valid(name)
    (tmp_path / name).write_bytes(whole[:at] + b"\x0b" + whole[at + 1 :])  # polars 2.1 then asks for 2**61 bytes
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / name)], capture_output=True, text=True, check=True
    )
    assert "cannot be read" in done.stdout
    assert done.stderr == ""


@settings(max_examples=300, deadline=None)
@given(data=st.data(), name=st.sampled_from(IN_PROCESS))
def test_changed_arrays_are_a_matrix_or_one_sentence(data: st.DataObject, name: str) -> None:
    read_changed(name, data.draw(mutations(valid(name))))


@settings(max_examples=6, deadline=None)
@given(data=st.data(), name=st.sampled_from(IN_ANOTHER))
def test_changed_parquet_is_a_matrix_or_one_sentence(data: st.DataObject, name: str) -> None:
    read_changed(name, data.draw(mutations(valid(name))))


@pytest.mark.slow
@settings(max_examples=4_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), name=st.sampled_from(IN_PROCESS))
def test_many_changed_arrays(data: st.DataObject, name: str) -> None:
    read_changed(name, data.draw(mutations(valid(name))))


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), name=st.sampled_from(IN_ANOTHER))
def test_much_changed_parquet(data: st.DataObject, name: str) -> None:
    read_changed(name, data.draw(mutations(valid(name))))
