"""Shards are one matrix, in the order of their numbers; whatever does not fit together is refused in one line."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from w2s_probe.cache import FeatureStore
from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, ShapeError, W2SProbeError
from w2s_probe.core.row_view import is_view
from w2s_probe.datasets.load import open_data
from w2s_probe.pipeline import feature_arrays, feature_content
from w2s_probe.pipeline.exchange import from_cache, from_file, import_features
from w2s_probe.pipeline.feature_files import read_features
from w2s_probe.pipeline.sources import names_without_folders, without_folders

X = np.random.default_rng(0).standard_normal((23, 3)).astype(np.float32)


def write(path: Path, values: np.ndarray, ids: list[str] | None = None) -> None:
    """Write a file of features; whole numbers for ids in .safetensors."""
    path.parent.mkdir(exist_ok=True, parents=True)
    extra: dict[str, Any] = {} if ids is None else {"ids": np.array(ids)}
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        np.savez(path, X=values, **extra)
    elif path.suffix == ".safetensors":
        save_file({"X": values, **({"ids": np.array(list(map(int, ids)))} if ids else {})}, path)
    else:
        pl.DataFrame({**({"id": ids} if ids else {}), "emb": values.tolist()}).write_parquet(path, row_group_size=3)


def cut(folder: Path, cuts: list[int], name: str, values: np.ndarray = X, ids: list[str] | None = None) -> None:
    """Write shards; {} in their name is the number."""
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(values)], strict=True)):
        write(folder / name.format(number), values[start:end], None if ids is None else ids[start:end])


def check_shards(suffix: str, dtype: str, dim: int, cuts: list[int], with_ids: bool) -> None:
    values = np.random.default_rng(dim).integers(-9, 9, size=(20, dim)).astype(dtype)
    ids = [str(number) for number in np.random.default_rng(1).permutation(20)] if with_ids else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / f"whole{suffix}", values, ids)
        cut(folder / "shards", sorted(cuts), f"shard_{{}}{suffix}", values, ids)
        whole = read_features(folder / f"whole{suffix}")
        for address in (f"{folder}/shards", f"{folder}/shards/*{suffix}", f"{folder}/shards/shard_*"):
            shards = read_features(address)
            assert (shards.X.shape, shards.X.dtype, shards.ids) == (whole.X.shape, whole.X.dtype, whole.ids)
            assert np.asarray(shards.X).tobytes() == np.asarray(whole.X).tobytes()
            assert (shards.facts, shards.read("x").files) == (whole.facts, len(cuts) + 1)
            assert shards.read("x").file == (f"shards/shard_*{suffix}" if len(cuts) else f"shards/shard_0{suffix}")


CUTS = st.lists(st.integers(1, 19), max_size=12, unique=True)


@settings(max_examples=40)
@given(
    suffix=st.sampled_from([".npy", ".npz", ".safetensors"]),
    dtype=st.sampled_from(["float16", "float32", "float64", "int8", "int64"]),
    dim=st.integers(1, 5),
    cuts=CUTS,
    with_ids=st.booleans(),
)
def test_shards_are_the_single_file_bit_for_bit(
    suffix: str,
    dtype: str,
    dim: int,
    cuts: list[int],
    with_ids: bool,
) -> None:
    check_shards(suffix, dtype, dim, cuts, with_ids and suffix != ".npy")


@settings(max_examples=3)
@given(dtype=st.sampled_from(["float32", "float64"]), dim=st.integers(1, 4), cuts=CUTS, with_ids=st.booleans())
def test_parquet_shards_are_the_single_file_bit_for_bit(
    dtype: str,
    dim: int,
    cuts: list[int],
    with_ids: bool,
) -> None:
    check_shards(".parquet", dtype, dim, cuts, with_ids)


@pytest.mark.parametrize(
    "name",
    ["shard_{}.npy", "img_emb_{}.npy", "{:05}.npy", "layer_7_{}.npy", "v2/{}/emb.npy", "x-{:05}-of-00012.npy"],
)
def test_shards_are_in_the_order_of_their_numbers(tmp_path: Path, name: str) -> None:
    cut(tmp_path, list(range(2, 24, 2))[:11], name)
    address = tmp_path / "v2/*/emb.npy" if "/" in name else tmp_path
    file = read_features(address)
    np.testing.assert_array_equal(file.X, X)
    assert is_view(file.X)
    assert all(isinstance(part, np.memmap) for part in file.X.source.parts)  # type: ignore[attr-defined]
    first_as_one = [f"{tmp_path}/{name.format(0)}"] if "/" not in name else []
    for other in first_as_one:
        assert read_features(other).read("x").files is None


def test_numbers_may_begin_at_one_and_a_pattern_may_choose_some(tmp_path: Path) -> None:
    cut(tmp_path / "a", [4, 8, 12], "s{}.npy")
    (tmp_path / "a" / "s0.npy").rename(tmp_path / "a" / "s4.npy")
    np.testing.assert_array_equal(read_features(tmp_path / "a").X, np.concatenate([X[4:], X[:4]]))
    np.testing.assert_array_equal(read_features(f"{tmp_path}/a/s[23].npy").X, X[8:])
    np.testing.assert_array_equal(read_features(f"{tmp_path}/a/s[2].npy").X, X[8:12])


def test_a_file_with_the_name_of_a_pattern_is_that_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x[1].npy", X)
    np.save(tmp_path / "x1.npy", X[:2])
    assert len(read_features(tmp_path / "x[1].npy").X) == len(X)


def test_brackets_of_a_folder_in_a_pattern_are_told_how_to_be_written(tmp_path: Path) -> None:
    (tmp_path / "run[3]").mkdir()
    np.save(tmp_path / "run[3]" / "emb_0.npy", X)
    with pytest.raises(DataError, match=r"write \[ as \[\[\] in a pattern") as refusal:
        read_features(f"{tmp_path}/run[3]/*.npy")
    assert len(read_features(str(refusal.value).rpartition(", '")[2].removesuffix("'.")).X) == len(X)


def test_names_without_numbers_need_ids(tmp_path: Path) -> None:
    ids = [f"r{i}" for i in range(23)]
    write(tmp_path / "train.npz", X[:9], ids[:9])
    write(tmp_path / "test.npz", X[9:], ids[9:])
    file = read_features(tmp_path)
    assert file.ids == [*ids[9:], *ids[:9]]
    np.testing.assert_array_equal(file.X, np.concatenate([X[9:], X[:9]]))


Make = Callable[[Path], object]


def changed(number: int, values: np.ndarray) -> Make:
    """Return what replaces one of five shards."""
    return lambda folder: np.save(folder / f"shard_{number}.npy", values)


def without(*numbers: int) -> Make:
    """Return what deletes shards."""

    def delete(folder: Path) -> None:
        for number in numbers:
            (folder / f"shard_{number}.npy").unlink()

    return delete


NAN = X[8:12].copy()
NAN[1, 2] = np.nan
REFUSED: dict[str, tuple[Make, str]] = {
    "a gap": (
        without(2),
        "must have every shard of shard_*.npy, once: there is no number 2 between shard_1.npy and shard_3.npy.",
    ),
    "no first shards": (
        without(0, 1),
        "the first is shard_2.npy. Write what is missing again",
    ),
    "a number twice": (
        lambda folder: write(folder / "shard_02.npy", X),
        "shard_02.npy and shard_2.npy have one number",
    ),
    "fewer than promised": (
        lambda folder: [file.rename(folder / f"{file.stem}-of-00007.npy") for file in sorted(folder.iterdir())],
        "their names promise 7, there are 5",
    ),
    "an empty shard": (changed(2, X[:0]), "features:shard_2.npy must not be empty: got shape (0, 3)."),
    "another width": (
        changed(2, X[:4, :2]),
        "must have shards that are alike: shard_0.npy has 3 dimensions, shard_2.npy has 2 dimensions.",
    ),
    "another type": (
        changed(2, X[:4].astype(np.float16)),
        "shard_0.npy has type float32, shard_2.npy has type float16. Write all shards in the same way.",
    ),
    "three dimensions": (
        changed(2, np.ones((4, 5, 3))),
        "features:shard_2.npy must have two dimensions (rows, features): got shape (4, 5, 3). Save one vector",
    ),
    "no array": (
        lambda folder: (folder / "shard_3.npy").write_text("hello"),
        "features:shard_3.npy must be a plain numeric .npy file: it cannot be read",
    ),
    "no bytes": (lambda folder: (folder / "shard_3.npy").write_bytes(b""), "features:shard_3.npy must be a plain"),
    "NaN": (changed(2, NAN), "features:shard_2.npy must be finite: got nan in row 1, column 2."),
    "two series": (
        lambda folder: write(folder / "text_emb_0.npy", X),
        "must mean one series of numbered files, or files with ids: the order of shard_0.npy, shard_1.npy, "
        "shard_2.npy, shard_3.npy, shard_4.npy, text_emb_0.npy is not known. Name one series, as in features:",
    ),
    "two kinds": (
        lambda folder: write(folder / "shard_5.npz", X),
        "must mean files of one kind: it has shard_0.npy and shard_5.npz. Name one kind, as in features:",
    ),
    "nothing": (
        lambda folder: [file.rename(file.with_suffix(".txt")) for file in folder.iterdir()],
        "must hold files that end in .npy, .npz, .safetensors, .parquet: it holds shard_0.txt, ",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_together_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    make, said = REFUSED[case]
    folder = tmp_path / "emb"
    cut(folder, [4, 8, 12, 16], "shard_{}.npy")
    assert len(read_features(folder).X) == len(X)
    make(folder)
    with pytest.raises((DataError, ShapeError)) as refusal:
        read_features(folder)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 500


def test_the_advice_about_a_folder_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cut(Path("clip/img_emb"), [9], "img_emb_{}.npy")
    cut(Path("clip/text_emb"), [9], "text_emb_{}.npy")
    with pytest.raises(
        DataError, match=r"it holds img_emb, text_emb\. Name one of its folders, as in features:"
    ) as one:
        read_features("clip")
    assert len(read_features(str(one.value).rpartition("features:")[2].rstrip(".")).X) == len(X)
    with pytest.raises(DataError, match=r"features:clip/\* must match files: there is only folders, such as img_emb"):
        read_features("clip/*")
    cut(Path("clip/img_emb"), [9], "text_emb_{}.npy")
    with pytest.raises(DataError, match=r"as in features:clip/img_emb/img_emb_\*\.npy") as two:
        read_features("clip/img_emb")
    assert len(read_features(str(two.value).rpartition("features:")[2].rstrip(".")).X) == len(X)
    write(Path("clip/img_emb/x.npz"), X)
    with pytest.raises(DataError, match=r"as in features:clip/img_emb/\*\.npy") as three:
        read_features("clip/img_emb")
    assert "must mean files of one kind" in str(three.value)


def test_a_pattern_that_matches_nothing_is_told_to_be_quoted(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"must match files: there is none at .*\.npy\. Check the pattern, and put it in"
    ):
        read_features(f"{tmp_path}/*.npy")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError, match=r"features:notes\.txt must end in"):
        read_features(f"{tmp_path}/*")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".parquet"])
def test_an_id_in_two_shards_is_refused(tmp_path: Path, suffix: str) -> None:
    ids = [str(i) for i in range(23)]
    ids[20] = "3"
    cut(tmp_path / "emb", [8, 16], f"s{{}}{suffix}", X, ids)
    with pytest.raises(DataError) as refusal:
        read_features(tmp_path / "emb")
    assert str(refusal.value) == (
        f"features:emb must have distinct ids: got '3' in s0{suffix} and s2{suffix}. Give every row its own id."
    )
    ids[20], ids[22] = "20", "21"
    cut(tmp_path / "emb", [8, 16], f"s{{}}{suffix}", X, ids)
    with pytest.raises(DataError, match=rf"got '21' twice in s2{suffix}\."):
        read_features(tmp_path / "emb")


def test_ids_in_some_shards_only_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "s0.npz", X, [str(i) for i in range(23)])
    write(tmp_path / "s1.npz", X)
    with pytest.raises(DataError, match=r"s0\.npz has ids in ids, s1\.npz has ids in none"):
        read_features(tmp_path)


def test_other_columns_in_a_shard_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "s0.parquet", X)
    pl.DataFrame({"vector": X.tolist()}).write_parquet(tmp_path / "s1.parquet")
    with pytest.raises(DataError, match=r"s0\.parquet has columns emb, s1\.parquet has columns vector"):
        read_features(tmp_path)
    pl.DataFrame({"emb": X[:, :2].tolist()}, schema={"emb": pl.List(pl.Float32)}).write_parquet(tmp_path / "s1.parquet")
    with pytest.raises(DataError, match=r"s0\.parquet has type float64, s1\.parquet has type float32"):
        read_features(tmp_path)
    write(tmp_path / "s1.parquet", X[:, :2])
    with pytest.raises(DataError, match=r"s0\.parquet has 3 dimensions, s1\.parquet has 2 dimensions"):
        read_features(tmp_path)


def test_many_shards_are_copied_into_one_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut(tmp_path / "emb", [3, 9, 14], "s{}.npy", X.astype(np.float16))
    whole = np.asarray(read_features(tmp_path / "emb").X)
    store = FeatureStore(tmp_path / "cache")
    monkeypatch.setattr(feature_arrays, "MOST_MAPS", 3)
    small = read_features(tmp_path / "emb", temporary=store.temporary_file)
    assert type(small.X) is np.ndarray
    assert not store.root.exists()
    monkeypatch.setattr(feature_content, "MOST_IN_MEMORY", 40)
    large = read_features(tmp_path / "emb", temporary=store.temporary_file)
    assert isinstance(large.X, np.memmap)
    assert list((store.root / "tmp").iterdir()) == []
    for file in (small, large):
        np.testing.assert_array_equal(file.X, whole)
        assert file.X.dtype == np.float32
    np.save(tmp_path / "emb" / "s3.npy", X[:, :2].astype(np.float16))
    with pytest.raises(DataError, match=r"s3\.npy has 2 dimensions"):
        read_features(tmp_path / "emb", temporary=store.temporary_file)
    assert list((store.root / "tmp").iterdir()) == []


def test_without_a_place_for_temporary_files_features_are_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_content, "MOST_IN_MEMORY", 40)
    write(tmp_path / "x.parquet", X)
    (tmp_path / "file").write_text("")
    store = FeatureStore(tmp_path / "cache")
    store.root = tmp_path / "file"  # no folder can be made there
    with pytest.raises(W2SProbeError), store.temporary_file():
        pass
    file = read_features(tmp_path / "x.parquet", temporary=store.temporary_file)
    assert type(file.X) is np.ndarray
    np.testing.assert_array_equal(file.X, X)


def test_shards_belong_to_the_rows_of_a_table_as_one_file_does(tmp_path: Path) -> None:
    order = np.random.default_rng(3).permutation(23)
    pl.DataFrame({"id": [f"r{i}" for i in order], "label": order % 2}).write_csv(tmp_path / "d.csv")
    data = DataConfig(data=str(tmp_path / "d.csv"), id="id")
    ids = [f"r{i}" for i in range(23)]
    write(tmp_path / "x.npz", X, ids)
    cut(tmp_path / "emb", [5, 11], "s{}.npz", X, ids)
    (whole, _), (shards, notes) = (from_file(open_data(data), tmp_path / name, data) for name in ("x.npz", "emb"))
    np.testing.assert_array_equal(shards.X, X[order])
    assert shards.spec == whole.spec
    assert notes == ()
    assert np.concatenate([shards.X[rows] for rows in row_blocks(23, 4)]).tobytes() == np.asarray(whole.X).tobytes()
    store = FeatureStore(tmp_path / "cache")
    for name, path in (("a", tmp_path / "x.npz"), ("b", tmp_path / "emb"), ("c", tmp_path / "emb" / "*.npz")):
        done = import_features(path, name=name, store=store)
        assert (done.rows, done.matched_by) == (23, "id")
        np.testing.assert_array_equal(from_cache(open_data(data), name, store).X, X[order])


def test_names_in_results_keep_the_folder_of_a_pattern() -> None:
    assert without_folders("features:/data/run/emb/*.npy") == "features:emb/*.npy"
    assert without_folders("features:/data/emb/*.safetensors#layer_1") == "features:emb/*.safetensors#layer_1"
    names = ["features:a/emb/*.npy", "features:b/emb/*.npy"]
    assert names_without_folders(names) == {names[0]: names[0], names[1]: names[1]}
