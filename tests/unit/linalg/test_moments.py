"""Moments: what adds up, what comes out again, what a file may hold, and heads without pseudolabels."""

from __future__ import annotations

import io
import itertools
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from w2s_probe.core.errors import W2SProbeError
from w2s_probe.heads.ridge import fit_ridge
from w2s_probe.linalg import ridge_path
from w2s_probe.linalg.moments import Moments, moments_of, nested, ring_moments
from w2s_probe.linalg.ridge import path_of_gram
from w2s_probe.linalg.teacher_student import student_path

Arrays = dict[str, NDArray[np.float64]]


def rows(n: int, *, seed: int = 0, offset: float = 0.0) -> Arrays:
    rng = np.random.default_rng(seed)
    core = rng.standard_normal((n, 3))
    weak = core @ rng.standard_normal((3, 5)) + rng.standard_normal((n, 5)) + offset
    strong = core @ rng.standard_normal((3, 7)) + 0.5 * rng.standard_normal((n, 7)) - 2 * offset
    return {"teacher": weak, "student": strong}


def direct(arrays: Arrays) -> Moments:
    """Return the moments from numpy's own covariance."""
    whole = np.hstack(list(arrays.values())).astype(np.longdouble)
    centered = whole - whole.mean(axis=0)
    return Moments(
        n=len(whole),
        mean=whole.mean(axis=0).astype(np.float64),
        scatter=(centered.T @ centered).astype(np.float64),
        widths={name: array.shape[1] for name, array in arrays.items()},
    )


def assert_equal(ours: Moments, theirs: Moments, *, rtol: float = 1e-12) -> None:
    assert (ours.n, dict(ours.widths)) == (theirs.n, dict(theirs.widths))
    spread = np.sqrt(np.diag(theirs.scatter) / theirs.n)
    np.testing.assert_allclose((ours.mean - theirs.mean) / spread, 0, atol=rtol)
    scale = theirs.n * np.outer(spread, spread)
    np.testing.assert_allclose((ours.scatter - theirs.scatter) / scale, 0, atol=rtol)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), cuts=st.lists(st.integers(1, 4999), max_size=5))
def test_sums_of_shards_are_the_whole_in_any_order(seed: int, cuts: list[int]) -> None:
    arrays = rows(5000, seed=seed)
    bounds = [0, *sorted(set(cuts)), 5000]
    shards = [
        moments_of({name: array[start:end] for name, array in arrays.items()})
        for start, end in itertools.pairwise(bounds)
    ]
    for shuffled in (shards, shards[::-1]):
        assert_equal(nested(shuffled)[-1], direct(arrays))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), out=st.integers(1, 2990))
def test_taking_rows_out_undoes_putting_them_in(seed: int, out: int) -> None:
    arrays = rows(3000, seed=seed)
    gone = np.random.default_rng(seed).choice(3000, out, replace=False)
    kept = np.setdiff1d(np.arange(3000), gone)
    rest = moments_of(arrays) - moments_of(arrays, rows=gone)
    # what is taken out is subtracted: the error is that of the whole, so it grows with the share taken
    assert_equal(rest, direct({name: array[kept] for name, array in arrays.items()}), rtol=1e-12 * 3000 / len(kept))


def test_the_order_of_rows_does_not_matter() -> None:
    arrays = rows(5000)
    mixed = np.random.default_rng(0).permutation(5000)
    assert_equal(moments_of({name: array[mixed] for name, array in arrays.items()}), moments_of(arrays))


def test_rings_of_one_pass_are_the_moments_of_their_rows() -> None:
    arrays = rows(9000)
    ring = np.random.default_rng(0).choice([-1, 0, 1, 2, 7], 9000, p=[0.3, 0.01, 0.3, 0.3, 0.09])
    parts = ring_moments(arrays, ring, 3)
    for index, part in enumerate(parts):
        assert_equal(part, direct({name: array[ring == index] for name, array in arrays.items()}))
    for count, whole in enumerate(nested(parts)):
        inside = (ring >= 0) & (ring <= count)
        assert_equal(whole, direct({name: array[inside] for name, array in arrays.items()}))


def test_a_ring_without_rows_is_nothing() -> None:
    arrays = rows(50)
    none, some = ring_moments(arrays, np.ones(50, dtype=np.int8), 2)
    assert none.n == 0
    assert_equal(none + some, direct(arrays))
    assert_equal(some + none, direct(arrays))


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_a_mean_far_from_zero_costs_no_more_digits_than_the_rows_lost_by_it(offset: float) -> None:
    arrays = rows(6000, offset=offset)
    whole = nested(ring_moments(arrays, np.arange(6000) % 3, 3))[-1]
    assert_equal(whole, direct(arrays), rtol=1e-15 * offset)


def test_single_products_are_off_by_their_own_rounding() -> None:
    arrays = rows(20_000)
    single = {name: array.astype(np.float32) for name, array in arrays.items()}
    exact = direct({name: array.astype(np.float64) for name, array in single.items()})
    assert_equal(moments_of(single, dtype=np.float32), exact, rtol=3e-6)
    assert_equal(moments_of(single), exact)


def test_a_map_of_a_file_gives_what_the_array_gives(tmp_path: Path) -> None:
    arrays = rows(5000)
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    maps = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in arrays}
    few = np.arange(0, 5000, 7)
    np.testing.assert_array_equal(moments_of(maps, rows=few).scatter, moments_of(arrays, rows=few).scatter)


def test_a_saved_file_comes_back_as_it_was(tmp_path: Path) -> None:
    whole = moments_of(rows(300))
    whole.save(tmp_path / "m.npz")
    again = Moments.load(tmp_path / "m.npz")
    np.testing.assert_array_equal(again.mean, whole.mean)
    np.testing.assert_array_equal(again.scatter, whole.scatter)
    assert (again.n, again.widths) == (whole.n, whole.widths)
    assert [path.name for path in tmp_path.iterdir()] == ["m.npz"]


def test_the_smallest_file_comes_back(tmp_path: Path) -> None:
    one = moments_of({"a": np.full((1, 1), 3.0), "b": np.zeros((1, 2))})
    one.save(tmp_path / "m.npz")
    again = Moments.load(tmp_path / "m.npz")
    assert (again.n, again.widths, again.mean.tolist()) == (1, {"a": 1, "b": 2}, [3.0, 0.0, 0.0])


class Trap:
    """What ran if this was unpickled leaves a mark."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("unpickled",)


def changed(**fields: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with np.load(path) as file:
            held = {name: file[name] for name in file.files}
        np.savez(path, **{**held, **fields})

    return write


def without_a_member(path: Path) -> None:
    with np.load(path) as file:
        np.savez(path, n=file["n"], mean=file["mean"])


def a_bomb(path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 28,)})
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("mean.npy", "w", force_zip64=True) as member,
    ):
        member.write(header.getvalue())
        for _ in range(2**31 // 2**24):
            member.write(bytes(2**24))


CRAFTED: dict[str, Callable[[Path], Any]] = {
    "text": lambda path: path.write_text("hello"),
    "nothing": lambda path: path.write_bytes(b""),
    "one array": lambda path: path.write_bytes(_npy(np.ones(3))),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-400]),
    "a member too few": without_a_member,
    "a pickle": changed(names=np.array([Trap()], dtype=object)),
    "a size that is no number": changed(sizes=np.array(["5", "7"])),
    "a size below 1": changed(sizes=np.array([13, -1])),
    "fewer names than sizes": changed(names=np.array(["teacher"])),
    "one name twice": changed(names=np.array(["teacher", "teacher"])),
    "another width": changed(sizes=np.array([5, 6])),
    "no rows": changed(n=np.int64(0)),
    "rows that are no number": changed(n=np.array([1, 2])),
    "texts": changed(mean=np.array(["x"] * 12)),
    "not finite": changed(mean=np.full(12, np.nan)),
    "not symmetric": changed(scatter=np.triu(np.ones((12, 12)))),
    "missing": lambda path: path.unlink(),
}


def _npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("craft", [*CRAFTED.values(), pytest.param(a_bomb, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")  # the bomb's second mean.npy
def test_a_crafted_file_is_refused_in_one_line_and_never_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, craft: Callable[[Path], Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.npz"
    moments_of(rows(300)).save(path)
    craft(path)
    with pytest.raises(W2SProbeError, match=r"^m\.npz must") as caught:
        Moments.load(path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "unpickled").exists()


def test_blocks_that_are_not_there_or_differ_are_named() -> None:
    whole = moments_of(rows(30))
    with pytest.raises(W2SProbeError, match="the block 'labels': got teacher, student"):
        whole.gram("labels")
    with pytest.raises(W2SProbeError, match="must have the same blocks"):
        whole + whole.select("teacher")
    with pytest.raises(W2SProbeError, match="got 30 rows minus 30"):
        whole - whole


@pytest.mark.parametrize("N", [5, 4000])
def test_heads_from_moments_are_the_heads_from_rows(N: int) -> None:
    arrays = rows(N, offset=3.0)
    labels = np.random.default_rng(1).standard_normal((N, 2)) + arrays["student"][:, :2]
    pool = moments_of({**arrays, "labels": labels})
    X, W, b = arrays["student"], np.random.default_rng(2).standard_normal((5, 3)), np.ones(3)
    ceiling = path_of_gram(
        pool.gram("student"),
        pool.gram("student", "labels"),
        n=N,
        mean=pool.mean_of("student"),
        target_mean=pool.mean_of("labels"),
        total=float(np.trace(pool.gram("labels"))),
    )
    student = student_path(pool, W, b)
    shared = student_path(pool, W, b, spectrum=ceiling.spectrum)
    explicit = {"student": ridge_path(X, arrays["teacher"] @ W + b), "ceiling": ridge_path(X, labels)}
    for ours, theirs in ((student, "student"), (shared, "student"), (ceiling, "ceiling")):
        np.testing.assert_allclose(ours.alphas, explicit[theirs].alphas, rtol=1e-10)
        for index in (0, 16, 32):
            for mine, other in zip(ours.coefficients(index), explicit[theirs].coefficients(index), strict=True):
                np.testing.assert_allclose(mine, other, atol=1e-8)
    np.testing.assert_allclose(ceiling.gcv[8:], explicit["ceiling"].gcv[8:], rtol=1e-8)


@pytest.mark.parametrize("scale", ["none", "standard"])
@pytest.mark.parametrize("N", [20, 400])
def test_a_spectrum_known_from_other_targets_gives_the_same_head(N: int, scale: Any) -> None:
    from w2s_probe.heads.ridge import ridge_spectrum

    X = rows(N, offset=2.0)["student"] @ np.random.default_rng(0).standard_normal((7, 30))
    Y = X[:, :2] + np.random.default_rng(1).standard_normal((N, 2))
    known = ridge_spectrum(X, scale=scale)
    ours, theirs = (fit_ridge(X, Y, scale=scale, spectrum=spectrum) for spectrum in (known, None))
    assert ours.alpha == pytest.approx(theirs.alpha, rel=1e-10)
    np.testing.assert_allclose(ours.coef, theirs.coef, atol=1e-8)
    np.testing.assert_allclose(ours.intercept, theirs.intercept, atol=1e-8)
