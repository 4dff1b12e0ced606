"""Fine-tunes of real backbones: zero epochs are the frozen run; a killed call loses at most one checkpoint interval."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.images import PHOTOGRAPHS, crops
from tests.models.test_open_clip_folders import clip
from tests.tiny_models import text_table, tiny_encoder
from w2s_probe.backbones import BackboneOptions, get_backbone

pytestmark = pytest.mark.models

TINY_CNN = "resnet10t"
KILLS = int(os.environ.get("W2S_PROBE_KILLS", "3"))  # of ten seconds each
COLUMNS = ("--text", "text", "--label", "label", "--id", "id")


def test_encoders_give_the_frozen_features_and_have_blocks(tmp_path: Path) -> None:
    from w2s_probe.finetune.encoders import encoder_of
    from w2s_probe.finetune.parameters import choose_parameters, count_parameters

    texts = ["a film", "not good, not bad: a film", "the plot, alas, is thin and the ending is not"]
    for name in ("packaged:minilm-l6", "packaged:minilm-l6@2", "packaged:minilm-l6@0"):
        backbone = get_backbone(name, BackboneOptions())
        encoder_of(backbone).check(texts, backbone.encode(texts))
    pixels = np.random.default_rng(0).integers(0, 256, size=(3, 40, 40, 3), dtype=np.uint8)
    for name in ("packaged:efficientnet-lite0", f"open_clip:{clip(tmp_path / 'clip')}"):
        backbone = get_backbone(name, BackboneOptions()).suited_to(pixels)
        encoder = encoder_of(backbone)
        encoder.check(pixels, backbone.encode(pixels))
        choose_parameters(encoder, layers=1, lora=False)
        trained, every = count_parameters(encoder.module)
        assert 0 < trained < every
    own = {key: parameter.requires_grad for key, parameter in encoder.module.named_parameters()}
    assert own["proj"]  # follows the blocks of the tower of open_clip, although it is registered before them
    assert own["ln_post.weight"]
    assert not own["class_embedding"]
    assert not own["ln_pre.weight"]


@pytest.mark.parametrize("student", ["packaged:minilm-l6", f"timm:{TINY_CNN}"])
def test_zero_epochs_give_the_probabilities_of_run(student: str, cli: Cli, tmp_path: Path) -> None:
    if student.startswith("timm:"):
        student = f"{student}@{random_weights(tmp_path)}"
        data, teacher = image_table(tmp_path), "classic:pixels-2x2"
    else:
        data, teacher = text_table(tmp_path / "texts.csv", 90), "classic:hashing-64"
    columns: tuple[str, ...] = ("--image", "image", "--label", "label") if student.startswith("timm:") else COLUMNS
    sizes = ("-n", "20", "-N", "30", "--n-test", "30", "--seeds", "2", "--threads", "1", "--quiet")
    shared = (str(data), *columns, "--teacher", teacher, "--student", student, *sizes, "--head", "softmax")
    assert cli("finetune", *shared, "--epochs", "0", "--out", "tuned").returncode == 0
    done = cli("run", *shared, "--out", "frozen", "--save-predictions")
    assert done.returncode == 0, done.stderr
    tuned, frozen = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("tuned", "frozen"))
    for name, own in tuned["systems"].items():
        other = frozen["systems"][name.removeprefix("finetuned_")]
        for score in ("accuracy", "brier", "log_loss"):
            assert own[score]["value"] == pytest.approx(other[score]["value"], abs=1e-4)


def random_weights(folder: Path) -> Path:
    """Write random weights of a small network of timm."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model: Any = timm.create_model(TINY_CNN, pretrained=False)
    save_file(model.state_dict(), folder / "weights.safetensors")
    return folder / "weights.safetensors"


def image_table(folder: Path) -> Path:
    """Write a table of crops of two photographs."""
    rows = []
    for name in PHOTOGRAPHS:
        for number, crop in enumerate(crops(name, 45, side=32)):
            file = folder / f"{name}-{number}.png"
            crop.save(file)
            rows.append({"image": file.name, "label": name})
    pl.DataFrame(rows).write_csv(folder / "images.csv")
    return folder / "images.csv"


def test_training_improves_minilm(cli: Cli, tmp_path: Path) -> None:
    table = text_table(tmp_path / "texts.csv", 200)
    sizes = ("-n", "20", "-N", "100", "--n-test", "60", "--seeds", "1", "--threads", "1", "--quiet")
    pair = ("--teacher", "classic:hashing-64", "--student", "packaged:minilm-l6")
    done = cli("finetune", str(table), *COLUMNS, *pair, *sizes, "--epochs", "3", "--lr", "1e-4", "--json")
    assert done.returncode == 0, done.stderr
    systems = json.loads(done.stdout)["systems"]
    accuracy = {name: system["accuracy"]["value"] for name, system in systems.items()}
    assert accuracy["finetuned_ceiling"] > accuracy["ceiling"] - 0.02
    change = systems["finetuned_ceiling"]["log_loss"]["value"] - systems["ceiling"]["log_loss"]["value"]
    assert abs(change) > 1e-3


@pytest.mark.slow
def test_a_killed_call_goes_on_at_its_last_checkpoint(tmp_path: Path) -> None:
    text_table(tmp_path / "texts.csv", 400)
    student = f"sentence-transformers:{tiny_encoder(tmp_path / 'tiny')}"
    sizes = ("-n", "60", "-N", "200", "--n-test", "100", "--seeds", "2", "--threads", "1", "--quiet")
    training = ("--epochs", "12", "--lr", "1e-3", "--batch-size", "4", "--checkpoint-steps", "20")
    shared = (
        "finetune",
        "texts.csv",
        *COLUMNS,
        "--teacher",
        "classic:hashing-64",
        "--student",
        student,
        *sizes,
        *training,
    )
    expected = finished(tmp_path, *shared, "--out", "whole")
    moments = random.Random(0)  # noqa: S311  # no secret
    kills = 0
    for _ in range(KILLS):
        with started(tmp_path, *shared, "--out", "killed") as process:
            time.sleep(6 + 6 * moments.random())
            kills += process.poll() is None
            process.kill()
            process.communicate()
    assert kills > 0
    assert finished(tmp_path, *shared, "--out", "killed") == expected
    assert not list((tmp_path / "killed").rglob(".w2s-*"))


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    env = {**os.environ, "W2S_PROBE_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "w2s_probe", *arguments, "--json"]
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(folder: Path, *arguments: str) -> Any:
    with started(folder, *arguments) as process:
        printed, said = process.communicate()
    assert process.returncode == 0, said
    return json.loads(printed)
