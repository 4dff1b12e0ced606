"""Backbones without weights, the registry and feature files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

from w2s_probe.backbones import BackboneOptions, check_backbone, get_backbone, list_backbones
from w2s_probe.core.errors import BackboneError, DataError, ShapeError
from w2s_probe.pipeline.feature_files import read_features

TEXTS = ["a short one", "", "The same words the same words", "ünïcode ✓ 漢字", "x" * 5000]


@pytest.mark.parametrize("dim", [1, 64, 256])
def test_hashing_keeps_the_contract(dim: int) -> None:
    check_backbone(lambda batch: get_backbone(f"classic:hashing-{dim}", BackboneOptions(batch_size=batch)), TEXTS)


@pytest.mark.parametrize("grid", ["2x2", "8x8", "3x5"])
@pytest.mark.parametrize("shape", [(6, 8, 8), (6, 8, 8, 3), (6, 7, 9)])
def test_pixels_keep_the_contract(grid: str, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, size=shape, dtype=np.uint8)
    check_backbone(lambda batch: get_backbone(f"classic:pixels-{grid}", BackboneOptions(batch_size=batch)), images)


def test_pixels_average_equal_areas() -> None:
    image = np.arange(64, dtype=float).reshape(1, 8, 8)
    pooled = get_backbone("classic:pixels-2x4").encode(image)
    expected = image.reshape(2, 4, 4, 2).mean(axis=(1, 3)).ravel() / 255
    np.testing.assert_allclose(pooled[0], expected, rtol=1e-6)
    thirds = get_backbone("classic:pixels-3x3").encode(image)
    assert thirds.mean() == pytest.approx(image.mean() / 255, rel=1e-6)


def test_hashing_tells_texts_apart_and_ignores_case() -> None:
    X = get_backbone("classic:hashing-256").encode(["good film", "Good Film", "bad film"])
    np.testing.assert_array_equal(X[0], X[1])
    assert np.abs(X[0] - X[2]).max() > 0.1


def test_a_backbone_that_breaks_the_contract_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from w2s_probe.backbones.classic import Hashing

    whole = Hashing.encode
    monkeypatch.setattr(Hashing, "encode", lambda self, items: whole(self, items) - whole(self, items[:1]))
    with pytest.raises(BackboneError, match="not depend on the order of items"):
        check_backbone(lambda batch: get_backbone("classic:hashing-8"), TEXTS)


def test_listing_imports_no_model_library() -> None:
    before = set(sys.modules)
    names = [listing.name for listing in list_backbones()]
    assert "packaged:minilm-l6" in names
    assert not {"torch", "sentence_transformers"} & (set(sys.modules) - before)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("packaged:minilm", "Did you mean"),
        ("package:minilm-l6", "Did you mean packaged:minilm-l6"),
        ("minilm", "KIND:NAME"),
        ("classic:hashing-0", "hashing-D or pixels-HxW"),
        ("classic:pixels-8", "hashing-D or pixels-HxW"),
        ("timm:", "KIND:NAME"),
    ],
)
def test_an_unknown_backbone_suggests_near_names(name: str, said: str) -> None:
    with pytest.raises(BackboneError) as caught:
        get_backbone(name)
    assert said in str(caught.value)
    assert name in str(caught.value) or name.partition(":")[2] in str(caught.value)


def test_a_plugin_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lengths.py").write_text(
        "import numpy as np\n"
        "from w2s_probe.backbones import Backbone\n"
        "from w2s_probe import EmbeddingSpec\n"
        "class Lengths(Backbone):\n"
        "    name, modality = 'lengths:words', 'text'\n"
        "    spec = EmbeddingSpec(backbone='lengths:words', revision='1')\n"
        "    def encode(self, items):\n"
        "        return np.array([[len(t), len(t.split())] for t in items], dtype=np.float32)\n"
        "def make(name, options):\n"
        "    return Lengths()\n"
    )
    info = tmp_path / "lengths-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lengths\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[w2s_probe.backbones]\nlengths = lengths:make\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    check_backbone(lambda batch: get_backbone("lengths:words"), TEXTS)
    assert any(listing.name == "lengths:…" for listing in list_backbones())


def test_feature_files_of_every_format_agree(tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    ids = ["a", "b", "c", "d"]
    np.save(tmp_path / "f.npy", X)
    np.savez(tmp_path / "f.npz", X=X, ids=np.array(ids))
    save_file({"X": X}, tmp_path / "f.safetensors")
    pl.DataFrame({"id": ids, "features": X.tolist()}).write_parquet(tmp_path / "list.parquet")
    pl.DataFrame({"id": ids, **{f"x{j}": X[:, j] for j in range(3)}}).write_parquet(tmp_path / "wide.parquet")
    for path in sorted(tmp_path.iterdir()):
        file = read_features(path)
        np.testing.assert_array_equal(file.X, X)
        assert file.ids == (None if path.suffix in (".npy", ".safetensors") else ids)


def test_a_feature_file_that_is_none_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.ones(5))
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "empty.npy", np.ones((0, 3)))
    np.savez(tmp_path / "other.npz", Y=np.ones((2, 2)), Z=np.ones((2, 2)))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "flat.npy").read_bytes()[:40])
    for suffix in ("npy", "npz", "safetensors", "parquet"):
        (tmp_path / f"text.{suffix}").write_text("hello")
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises((DataError, ShapeError)) as caught:
            read_features(path)
        assert path.name in str(caught.value)
        assert len(str(caught.value)) < 400


def test_gray_and_colored_arrays_have_specs_of_their_own() -> None:
    """One cache holds both: their features have different widths."""
    backbone = get_backbone("classic:pixels-2x4")
    gray, color = np.zeros((2, 8, 8)), np.zeros((2, 8, 8, 3))
    fingerprints = [backbone.suited_to(items).spec.fingerprint() for items in (gray, color)]
    assert fingerprints[0] == backbone.spec.fingerprint()  # as before there were two
    assert fingerprints[0] != fingerprints[1]
