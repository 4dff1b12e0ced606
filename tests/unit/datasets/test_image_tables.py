"""Image folders, columns of files, published splits; the digest of a file is its content."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.images import crops, image_folder
from w2s_probe.backbones import BackboneOptions, check_backbone, get_backbone
from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.errors import DataError, SplitError
from w2s_probe.core.images import ImageFiles
from w2s_probe.datasets import Table, open_data
from w2s_probe.pipeline.data import open_table
from w2s_probe.pipeline.embed import embed
from w2s_probe.pipeline.exchange import import_features
from w2s_probe.pipeline.run import run
from w2s_probe.pipeline.sources import without_folders

COLUMNS = {"image": "img_filename", "label": "y", "group": "place", "split": "split"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return image_folder(tmp_path / "photographs", 4, side=24)


def waterbirds(root: Path, split: list[object], *, per_class: int = 20) -> Path:
    """Write metadata.csv as Waterbirds has it, beside its images."""
    root.mkdir()
    images = [crop for name in ("palace", "daisy") for crop in crops(name, per_class, side=12)]
    names = [f"{i % 3}.kind/bird_{i:03d}.png" for i in range(len(images))]
    for name, image in zip(names, images, strict=True):
        (root / name).parent.mkdir(exist_ok=True)
        image.save(root / name)
    rows = {
        "img_id": range(len(names)),
        "img_filename": names,
        "y": [int(i >= per_class) for i in range(len(names))],
        "split": [split[i % len(split)] for i in range(len(names))],
        "place": [i % 2 for i in range(len(names))],
    }
    pl.DataFrame(rows, strict=False).write_csv(root / "metadata.csv")
    return root / "metadata.csv"


def opened(path: Path, **columns: str) -> Table:
    return open_data(DataConfig(data=str(path), **{**COLUMNS, **columns}))  # type: ignore[arg-type]


def test_a_folder_is_a_table_of_classes_in_the_order_of_paths(folder: Path) -> None:
    (folder / "palace" / "deep").mkdir()
    (folder / "palace" / "000.png").rename(folder / "palace" / "deep" / "x.PNG")
    (folder / "loose.jpg").write_bytes((folder / "daisy" / "000.png").read_bytes())
    (folder / "palace" / "._001.jpg").touch()
    (folder / ".thumbnails").mkdir()
    (folder / ".thumbnails" / "a.png").touch()
    (folder / "palace" / "notes.txt").touch()
    (folder / "empty").mkdir()
    table = open_data(DataConfig(data=str(folder)))
    daisies, palaces = [f"daisy/00{i}.{'jpg' if i % 2 else 'png'}" for i in range(4)], ["001.jpg", "002.png", "003.jpg"]
    assert table.ids.tolist() == [*daisies, "loose.jpg", *(f"palace/{name}" for name in palaces), "palace/deep/x.PNG"]
    assert table.label == ["daisy"] * 4 + [None] + ["palace"] * 4
    assert (table.name, table.modality, table.has_ids) == ("photographs", "image", True)


def test_a_class_may_be_a_link_and_links_cannot_trap_the_reader(folder: Path, tmp_path: Path) -> None:
    (folder / "palace").rename(tmp_path / "elsewhere")
    (folder / "palace").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "elsewhere")
    assert len(open_data(DataConfig(data=str(folder)))) == 8


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"text": "t"}, "--text must name a column of photographs: got 't'"),
        ({"image": "i"}, "--image must name a column"),
        ({"group": "g"}, "--group must name a column"),
        ({"label": "y"}, "--label must name a column of photographs: got 'y', not one of label"),
    ],
)
def test_a_folder_has_no_columns_but_its_labels(folder: Path, columns: dict[str, str], said: str) -> None:
    with pytest.raises(DataError) as refusal:
        open_data(DataConfig(data=str(folder), **columns))  # type: ignore[arg-type]
    assert said in str(refusal.value)


def test_a_folder_without_images_or_with_parts_for_classes_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="must hold images"):
        open_data(DataConfig(data=str(tmp_path / "none")))
    (folder / "palace").rename(folder / "train")
    (folder / "daisy").rename(folder / "val")
    with pytest.raises(DataError, match="got train, val, which look like parts"):
        open_data(DataConfig(data=str(folder)))


@pytest.mark.parametrize("suffix", [".HEIC", ".avif", ".jfif", ".cr2", ""])
def test_files_of_other_suffixes_are_counted_and_no_class_vanishes(folder: Path, suffix: str) -> None:
    for i in range(3):
        (folder / "palace" / f"extra{i}{suffix}").write_bytes(b"x")
    (folder / "readme.txt").touch()
    table = open_data(DataConfig(data=str(folder)))
    assert len(table) == 8
    assert len(table.notes) == 1
    assert f"are left out: 3 {suffix.lower() or 'without a suffix'}, 1 .txt." in table.notes[0]
    (folder / "phone" / "deep").mkdir(parents=True)
    (folder / "phone" / "deep" / f"a{suffix}").touch()
    (folder / "phone" / "._hidden.jpg").touch()
    with pytest.raises(DataError, match="'phone' holds none, but 1 ") as refusal:
        open_data(DataConfig(data=str(folder)))
    assert (suffix.lower() or "without a suffix") in str(refusal.value)
    assert "Convert" in str(refusal.value)


def test_folders_and_links_that_are_no_classes_are_named(folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "a.png").touch()
    (folder / "around").symlink_to(folder.parent)
    (folder / "itself").symlink_to(folder)
    (folder / "flower").symlink_to(folder / "daisy")
    (folder / "palace" / "link").symlink_to(folder / "daisy")
    table = open_data(DataConfig(data=str(folder)))
    assert set(table.label or ()) == {"daisy", "palace"}
    assert len(table) == 8
    assert table.notes == (
        "Folders without files are no classes: empty.",
        "Links to this folder or to another class are no classes: around, flower, itself.",
        "Links to folders inside a class are not followed: 1.",
    )


PARTS = [
    "train test extra",
    "train_images test_images",
    "train2017 val2017",
    "Training validation",
    "train",
    "trainA testA",
]


def nested(root: Path, tree: dict[str, str]) -> Path:
    for part, classes in tree.items():
        for label in classes.split() or [""]:
            (root / part / label).mkdir(parents=True, exist_ok=True)
            crops("palace", 1, side=12)[0].save(root / part / label / "a.png")
    return root


@pytest.mark.parametrize("inside", ["", "cat dog"])
@pytest.mark.parametrize("names", [*PARTS, "train test unlabeled", "labeled unlabeled", "extra test-set val_set"])
def test_parts_are_no_classes(tmp_path: Path, names: str, inside: str) -> None:
    data = nested(tmp_path / "d", dict.fromkeys(names.split(), inside))
    with pytest.raises(DataError, match=r"must be classes: got .* look like parts"):
        open_data(DataConfig(data=str(data)))


def test_most_folders_may_be_parts_and_a_class_may_be_named_as_one(tmp_path: Path) -> None:
    parts = {"train": "0 1 2", "test": "0 1 2", "mystery": "0 1 2"}
    refused = [
        parts,
        {**parts, "mystery": ""},
        {"train": "0 1 2", "test": "0 1", "x": "a b"},
        {"train": "0 1", "x": "0 1"},
    ]
    for i, tree in enumerate(refused):
        with pytest.raises(DataError, match="look like parts"):
            open_data(DataConfig(data=str(nested(tmp_path / f"refused{i}", tree))))
    classes = [
        {"bus": "", "car": "", "train": ""},
        {"bus": "day night", "car": "day night", "train": "day night"},
        {"train": "steam", "test": "blood", "c": ""},
        {"training shoe": "", "trains": "", "dev team": ""},
    ]
    for i, tree in enumerate(classes):
        table = open_data(DataConfig(data=str(nested(tmp_path / f"read{i}", tree))))
        assert set(table.label or ()) == set(tree)
        assert bool(table.notes) == (i == 1)  # the same folders in every class are named
    assert (
        "(bus, car, train) hold the same folders (day, night), which are not read as classes"
        in open_data(DataConfig(data=str(tmp_path / "read1"))).notes[0]
    )


@pytest.mark.parametrize(
    "values", [[0, 0, 1, 2], ["train", "train", "val", "test"], ["Training", " train", "dev", "TEST"]]
)
def test_the_test_part_is_fixed_and_validation_rows_take_no_part(tmp_path: Path, values: list[object]) -> None:
    table = opened(waterbirds(tmp_path / "waterbirds", values))
    assert len(table) == 30
    assert table.split == [None, None, "test"] * 10
    assert table.ids.tolist() == [str(i) for i in range(40) if i % 4 != 2]
    assert table.notes == ("10 rows of the validation part are left out.",)
    assert (table.label or [])[:3] == [0, 0, 0]
    assert (table.group or [])[:4] == [0, 1, 1, 0]
    assert isinstance(table.items, ImageFiles)
    assert table.items.names[2] == "0.kind/bird_003.png"


def test_our_own_parts_and_unknown_ones_stay_what_they_are(tmp_path: Path) -> None:
    ours = opened(waterbirds(tmp_path / "ours", ["labeled", "unlabeled", "test"]))
    assert (ours.split or [])[:3] == ["labeled", "unlabeled", "test"]
    assert len(ours) == 40
    assert (opened(waterbirds(tmp_path / "odd", ["a", "test"])).split or [])[:2] == ["a", "test"]


@pytest.mark.parametrize("values", [[0, 1], ["train", "val"]])
def test_a_published_split_without_test_rows_is_not_guessed_at(tmp_path: Path, values: list[object]) -> None:
    with pytest.raises(SplitError, match=r"must have test rows \(2, or test\)"):
        opened(waterbirds(tmp_path / "waterbirds", values))


def test_waterbirds_runs_unchanged(tmp_path: Path) -> None:
    path = waterbirds(tmp_path / "waterbirds", [0, 0, 0, 1, 2], per_class=50)
    done = run(
        DataConfig(data=str(path), **COLUMNS),  # type: ignore[arg-type]
        W2SConfig(n_labeled=10, n_unlabeled=40, seeds=2),
        teacher="classic:pixels-1x1",
        student="classic:pixels-4x4",
        store=FeatureStore(tmp_path / "cache"),
        options=BackboneOptions(),
    )
    test = set(done.table.ids[done.outcomes[0].split.test].tolist())
    assert test == {str(i) for i in range(100) if i % 5 == 4}
    for outcome in done.outcomes:
        for rows in (outcome.split.labeled, outcome.split.unlabeled):
            assert {int(i) % 5 for i in done.table.ids[rows]} <= {0, 1, 2}
    assert done.result.notes[0] == "20 rows of the validation part are left out."
    assert done.fetched[0].dim == 3


def test_a_missing_file_and_a_missing_name_are_counted(tmp_path: Path) -> None:
    path = waterbirds(tmp_path / "waterbirds", [0, 2])
    (path.parent / "1.kind" / "bird_001.png").unlink()
    (path.parent / "1.kind" / "bird_004.png").unlink()
    with pytest.raises(DataError, match=r"2 of 40 are missing, the first is row 1, '1.kind/bird_001.png'"):
        opened(path)
    named = pl.when(pl.col("img_id") != 3).then(pl.col("img_filename"))
    pl.read_csv(path).with_columns(img_filename=named).write_csv(path)
    with pytest.raises(DataError, match="must hold a path in every row: got None in row 3"):
        opened(path)
    with pytest.raises(DataError, match="Remove one of the two flags"):
        opened(path, text="y")


def test_built_in_data_has_no_files() -> None:
    with pytest.raises(DataError, match="left out for builtin:digits, which has no files"):
        open_data(DataConfig(data="builtin:digits", image="path"))


def test_the_digest_of_a_file_is_its_content(tmp_path: Path) -> None:
    for name, content in {"a.png": b"one", "b.jpg": b"one", "c.png": b"two"}.items():
        (tmp_path / name).write_bytes(content)
    files = ImageFiles(tmp_path, ("a.png", "b.jpg", "c.png"))
    digests = item_digests(files)
    assert digests[0] == digests[1] != digests[2]
    expected = hashlib.sha256(b"image file\0" + hashlib.sha256(b"one").digest()).digest()[:16]
    assert digests[:1].tobytes() == expected
    far = ImageFiles(Path(os.path.relpath(tmp_path)), ("./c.png", str(tmp_path / "a.png")))
    np.testing.assert_array_equal(item_digests(far), digests[[2, 0]])
    np.testing.assert_array_equal(item_digests(files.take([2, 0])), digests[[2, 0]])
    with pytest.raises(DataError, match=r"no\.png must be readable"):
        item_digests(ImageFiles(tmp_path, ("no.png",)))


def test_a_copy_of_an_image_is_embedded_once_and_stays_in_one_part(tmp_path: Path) -> None:
    path = waterbirds(tmp_path / "waterbirds", [None])
    (path.parent / "1.kind" / "bird_001.png").write_bytes((path.parent / "0.kind" / "bird_000.png").read_bytes())
    data = DataConfig(data=str(path), image="img_filename")
    fetched = embed(data, ["classic:pixels-2x2"], store=FeatureStore(tmp_path / "cache"), options=BackboneOptions())
    assert (fetched[0].rows, fetched[0].encoded) == (40, 39)


def test_damaged_images_are_named_before_anything_is_embedded(folder: Path, tmp_path: Path) -> None:
    store, data = FeatureStore(tmp_path / "cache"), DataConfig(data=str(folder))
    whole = (folder / "daisy" / "001.jpg").read_bytes()
    (folder / "daisy" / "001.jpg").write_bytes(whole[:-60])
    (folder / "palace" / "002.png").write_text("no image")
    with pytest.raises(DataError) as refusal:
        embed(data, ["classic:pixels-2x2"], store=store, options=BackboneOptions())
    assert "2 of 8 cannot be decoded: daisy/001.jpg (" in str(refusal.value)
    assert "palace/002.png (no JPEG" in str(refusal.value)
    assert "add --skip-damaged" in str(refusal.value)
    assert store.contents() == []
    left = open_table(DataConfig(data=str(folder), skip_damaged=True), store)
    assert len(left) == 6
    assert left.label == ["daisy"] * 3 + ["palace"] * 3
    assert left.notes[0].startswith("2 of 8 images cannot be decoded and are left out: daisy/001.jpg (")
    said: list[str] = []
    skipping = DataConfig(data=str(folder), skip_damaged=True)
    backbones = ["classic:pixels-2x2"]
    fetched = embed(skipping, backbones, store=store, options=BackboneOptions(), on_note=said.append)
    assert (fetched[0].rows, said) == (6, list(left.notes))
    for file in folder.rglob("*.*"):
        file.write_bytes(b"no image")
    with pytest.raises(DataError, match="none of 8 can"):
        open_table(skipping, store)


def test_an_image_that_the_cache_knows_is_not_decoded_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from w2s_probe.backbones.decoding import undecodable
    from w2s_probe.pipeline import data as opening

    store, data = FeatureStore(tmp_path / "cache"), DataConfig(data=str(folder))
    embed(data, ["classic:pixels-2x2"], store=store, options=BackboneOptions())
    (folder / "daisy" / "new.png").write_bytes(b"no image")
    tried: list[int] = []

    def counted(files: ImageFiles, rows: np.ndarray) -> dict[int, str]:
        tried.extend(rows.tolist())
        return undecodable(files, rows)

    monkeypatch.setattr(opening, "undecodable", counted)
    with pytest.raises(DataError, match=r"1 of 9 cannot be decoded: daisy/new\.png"):
        open_table(data, FeatureStore(tmp_path / "cache"))
    assert tried == [4]


def test_features_made_elsewhere_do_not_vouch_for_an_image(folder: Path, tmp_path: Path) -> None:
    store, data = FeatureStore(tmp_path / "cache"), DataConfig(data=str(folder))
    (folder / "daisy" / "000.png").write_bytes(b"no image")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((8, 3)))
    import_features(tmp_path / "x.npy", name="mine", store=store, data=data)
    with pytest.raises(DataError, match=r"1 of 8 cannot be decoded: daisy/000\.png"):
        open_table(data, store)


def test_pixels_of_files_keep_the_contract_whatever_their_sizes(tmp_path: Path) -> None:
    for i, side in enumerate((8, 24, 40)):
        crops("daisy", 1, side=side)[0].save(tmp_path / f"{i}.png")
    files = ImageFiles(tmp_path, ("0.png", "1.png", "2.png"))
    check_backbone(lambda _: get_backbone("classic:pixels-2x3").suited_to(files), files)
    backbone = get_backbone("classic:pixels-2x3").suited_to(files)
    image = np.asarray(crops("daisy", 1, side=24)[0])
    np.testing.assert_array_equal(backbone.encode(files)[1], get_backbone("classic:pixels-2x3").encode(image[None])[0])
    gray, colored = (
        get_backbone("classic:pixels-2x3").suited_to(array) for array in (image[None, ..., 0], image[None])
    )
    assert gray.spec == get_backbone("classic:pixels-2x3").spec
    assert len({suited.spec for suited in (gray, colored, backbone)}) == 3  # gray arrays have fewer columns


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("timm:resnet18", "timm:resnet18"),
        ("timm:resnet18@a1_in1k", "timm:resnet18@a1_in1k"),
        ("timm:resnet18@/home/me/w.pt", "timm:resnet18@w.pt"),
        ("open_clip:ViT-B-32/openai", "open_clip:ViT-B-32/openai"),
        ("open_clip:ViT-B-32//home/me/w.pt", "open_clip:ViT-B-32/w.pt"),
        ("open_clip:/home/me/clip", "open_clip:clip"),
        ("open_clip:clip", "open_clip:clip"),
        ("open_clip:clip/", "open_clip:clip"),
        ("open_clip:local-dir:/home/me/clip", "open_clip:clip"),
        ("open_clip:hf-hub:laion/clip", "open_clip:hf-hub:laion/clip"),
        ("open_clip:hf-hub:laion/clip/", "open_clip:hf-hub:laion/clip"),
        ("transformers:/home/me/bert/", "transformers:bert"),
        ("transformers:me/bert/@-1:mean", "transformers:bert@-1:mean"),
        ("transformers:me/bert/:last", "transformers:bert:last"),
        ("sentence-transformers:me/bert/", "sentence-transformers:bert"),
        ("features:me/emb/", "features:emb"),
        ("packaged:efficientnet-lite0@2", "packaged:efficientnet-lite0@2"),
        ("hf:org/name@config", "hf:org/name@config"),
        ("hf:/home/me/data@config", "hf:data@config"),
    ],
)
def test_results_show_no_folder_of_a_model_or_data_set(name: str, shown: str) -> None:
    assert without_folders(name) == shown
