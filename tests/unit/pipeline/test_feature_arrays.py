"""Arrays of .safetensors and .npz files: their types, and which of several arrays is read."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from w2s_probe.core.errors import DataError, ShapeError
from w2s_probe.core.row_view import is_view
from w2s_probe.pipeline.feature_files import read_features
from w2s_probe.pipeline.sources import without_folders

X = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)


def brains(X: np.ndarray) -> np.ndarray:
    """Return the bfloat16 codes of float32 numbers, cut and not rounded."""
    return (np.ascontiguousarray(X).view(np.uint32) >> 16).astype(np.uint16)


def write_tensors(path: Path, tensors: dict[str, tuple[str, np.ndarray]]) -> Path:
    """Write tensors of any type, each with the name that safetensors gives to its type."""
    header, start, content = {}, 0, b""
    for name, (dtype, values) in tensors.items():
        content += values.tobytes()
        header[name] = {"dtype": dtype, "shape": values.shape, "data_offsets": [start, len(content)]}
        start = len(content)
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)
    return path


def layers(path: Path) -> Path:
    """Write three layers in bfloat16, a tensor of tokens, and ids."""
    tensors = {f"layer_{k}": ("BF16", brains(X + k)) for k in (1, 10, 11)}
    return write_tensors(
        path, {"tokens": ("F32", np.ones((6, 4, 3), np.float32)), **tensors, "ids": ("I64", np.arange(6))}
    )


def test_bfloat16_is_widened_exactly_and_stays_in_its_file(tmp_path: Path) -> None:
    path = write_tensors(tmp_path / "x.safetensors", {"ids": ("I64", np.arange(6)), "X": ("BF16", brains(X))})
    file = read_features(path)
    expected = (brains(X).astype(np.uint32) << 16).view(np.float32)
    assert np.asarray(file.X).tobytes() == expected.tobytes()
    assert np.abs(np.asarray(file.X) - X).max() < 2**-6
    assert is_view(file.X)
    assert isinstance(file.X.source.parts[0], np.memmap)  # type: ignore[attr-defined]
    assert (file.facts.dtype, file.X.dtype.name, file.ids) == ("bfloat16", "float32", list("012345"))
    np.save(tmp_path / "whole.npy", expected)
    write_tensors(tmp_path / "s_0.safetensors", {"X": ("BF16", brains(X[:2]))})
    write_tensors(tmp_path / "s_1.safetensors", {"X": ("BF16", brains(X[2:]))})
    np.testing.assert_array_equal(read_features(tmp_path / "s_*.safetensors").X, expected)


@pytest.mark.parametrize("code", [0x7F80, 0xFF80, 0x7FC0])
def test_bfloat16_that_is_not_finite_is_refused(tmp_path: Path, code: int) -> None:
    codes = brains(X)
    codes[4, 1] = code
    path = write_tensors(tmp_path / "x.safetensors", {"X": ("BF16", codes)})
    with pytest.raises(ShapeError, match=r"features:x\.safetensors must be finite: got -?(inf|nan) in row 4, column 1"):
        read_features(path)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "uint16", "bool"])
def test_other_types_are_read_as_they_are(tmp_path: Path, dtype: str) -> None:
    values = np.arange(18).reshape(6, 3).astype(dtype)
    save_file({"X": values, "odd": np.zeros(3, dtype=np.uint8)}, tmp_path / "x.safetensors")
    file = read_features(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(file.X, values.astype(np.float64))
    assert file.facts.dtype == dtype
    assert file.X.dtype == (np.float32 if dtype in ("float16", "float32") else np.float64)
    assert is_view(file.X) == (dtype not in ("float32", "float64"))


def test_a_name_chooses_an_array(tmp_path: Path) -> None:
    path = layers(tmp_path / "x.safetensors")
    file = read_features(f"{path}#layer_11")
    np.testing.assert_allclose(file.X, X + 11, atol=0.1)
    assert file.ids == list("012345")
    assert (file.guessed, file.usual) == (False, False)
    assert file.notes == (
        "features:x.safetensors: array layer_11, 3 dimensions, float32, rows by ids; "
        "3 other arrays left out: layer_1, layer_10, tokens.",
    )
    assert without_folders(f"features:{path}#layer_11") == "features:x.safetensors#layer_11"
    np.savez(tmp_path / "x.npz", a=X, b=2 * X)
    np.testing.assert_array_equal(read_features(f"{tmp_path}/x.npz#b").X, 2 * X)


def test_several_matrices_are_refused_with_their_names(tmp_path: Path) -> None:
    path = layers(tmp_path / "x.safetensors")
    with pytest.raises(DataError) as refusal:
        read_features(path)
    assert str(refusal.value) == (
        "features:x.safetensors must hold one array named X, or one matrix: it holds layer_1, layer_10, layer_11. "
        "Name one, as in features:x.safetensors#layer_1."
    )
    np.savez(tmp_path / "x.npz", a=X, b=2 * X)
    with pytest.raises(DataError, match=r"it holds a, b\. Name one, as in features:x\.npz#a\."):
        read_features(tmp_path / "x.npz")
    np.savez(tmp_path / "y.npz", a=X[0], b=X[:, 0], c=np.array(["x"]))
    with pytest.raises(DataError, match=r"a \(shape \(3,\)\), b \(shape \(6,\)\), c \(<U1, shape \(1,\)\)\. Save"):
        read_features(tmp_path / "y.npz")
    (tmp_path / "y.npz").unlink()
    with pytest.raises(DataError, match=rf"as in features:{tmp_path}/\*\.npz#a\."):
        read_features(f"{tmp_path}/*.npz")


def test_an_unknown_name_is_refused_with_near_names(tmp_path: Path) -> None:
    path = layers(tmp_path / "x.safetensors")
    with pytest.raises(DataError) as refusal:
        read_features(f"{path}#layer_12")
    assert "features:x.safetensors#NAME must name an array of the file: got 'layer_12', not one of " in str(
        refusal.value
    )
    assert str(refusal.value).endswith("Did you mean layer_1 or layer_11 or layer_10?")
    with pytest.raises(DataError, match=r"got 'zzz', not one of .*\. Use one of these names\.") as other:
        read_features(f"{path}#zzz")
    assert "\n" not in str(other.value)


def test_a_tensor_of_tokens_is_told_how_to_become_a_matrix(tmp_path: Path) -> None:
    path = layers(tmp_path / "x.safetensors")
    with pytest.raises(ShapeError, match=r"got shape \(6, 4, 3\)\. Save one vector for each row, such as the mean"):
        read_features(f"{path}#tokens")
    tokens = np.ones((6, 4, 3), np.float32)
    save_file({"one": tokens}, tmp_path / "one.safetensors")
    with pytest.raises(ShapeError, match=r"must have two dimensions \(rows, features\): got shape \(6, 4, 3\)"):
        read_features(tmp_path / "one.safetensors")
    save_file({"one": tokens, "two": tokens}, tmp_path / "two.safetensors")
    with pytest.raises(DataError, match=r"it holds one \(shape \(6, 4, 3\)\), two \(shape .*Save one vector for each"):
        read_features(tmp_path / "two.safetensors")
    save_file({}, tmp_path / "none.safetensors")
    with pytest.raises(DataError, match="it holds nothing"):
        read_features(tmp_path / "none.safetensors")


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_the_only_matrix_is_read_as_a_guess(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    if suffix == "npz":
        np.savez(path, label=X[:, 0], emb=X, names=np.array(list("ghijkl")), ids=np.array(list("abcdef")))
    else:
        save_file({"emb": X, "bias": X[0], "ids": np.arange(6)}, path)
    guess, named = read_features(path), read_features(f"{path}#emb")
    np.testing.assert_array_equal(guess.X, X)
    assert (guess.guessed, named.guessed, guess.usual, named.usual) == (True, False, True, True)
    assert guess.notes == named.notes
    assert guess.notes[0].startswith(f"features:x.{suffix}: array emb, 3 dimensions, float32, rows by ids")


def test_plain_arrays_have_no_names(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(DataError, match=r"features:x\.npy has no columns and no named arrays.* got #emb\. Remove #"):
        read_features(f"{tmp_path}/x.npy#emb")


def test_halves_are_widened_when_they_are_read(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X.astype(np.float16))
    file = read_features(tmp_path / "x.npy")
    assert is_view(file.X)
    np.testing.assert_array_equal(file.X, X.astype(np.float16).astype(np.float32))
