"""``w2s-probe finetune`` with a tiny random encoder: JSON, resume, files, honesty, errors."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.decoders import save_gpt2
from tests.schemas import check_schema
from tests.tiny_models import text_table, tiny_encoder

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="bare wheel: no torch")

SIZES = ("-n", "24", "-N", "60", "--n-test", "60", "--seeds", "2", "--threads", "1", "--quiet")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and a tiny model."""
    folder = tmp_path_factory.mktemp("finetune")
    text_table(folder / "texts.csv", 160)
    tiny_encoder(folder / "tiny")
    return folder


def command(place: Path, *more: str) -> list[str]:
    student = f"sentence-transformers:{place / 'tiny' / 'model'}"
    table = [str(place / "texts.csv"), "--text", "text", "--label", "label", "--id", "id"]
    usual = ["finetune", *table, "--teacher", "classic:hashing-64", "--student", student, *SIZES]
    return [*without(usual, *more), *more]


def without(arguments: list[str], *flags: str) -> list[str]:
    """Return arguments without these flags and their values; what is no flag is ignored."""
    for flag in flags:
        if flag.startswith("-") and flag in arguments:
            at = arguments.index(flag)
            arguments = [*arguments[:at], *arguments[at + 2 :]]
    return arguments


def output(cli: Cli, arguments: list[str]) -> dict[str, Any]:
    done = cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    check_schema("finetune", printed)
    return printed


def test_zero_epochs_are_the_frozen_run(place: Path, cli: Cli) -> None:
    printed = output(cli, command(place, "--epochs", "0"))
    run = json.loads(cli("run", *command(place, "--head", "softmax", "--json")[1:]).stdout)
    assert printed["systems"]["baseline"] == run["systems"]["baseline"]
    assert printed["students"]["vanilla"] == run["students"]["vanilla"]
    assert printed["verdict"] == run["verdict"]
    pairs = {"finetuned_baseline": printed["systems"]["baseline"], "finetuned_ceiling": printed["systems"]["ceiling"]}
    for name, frozen in pairs.items():
        assert printed["systems"][name]["log_loss"]["value"] == pytest.approx(frozen["log_loss"]["value"], abs=1e-4)
        assert printed["systems"][name]["versus_frozen"]["value"] == 0
    tuned, vanilla = printed["students"]["finetuned"], printed["students"]["vanilla"]
    assert tuned["log_loss"]["value"] == pytest.approx(vanilla["log_loss"]["value"], abs=1e-4)
    assert tuned["gain"]["value"] == pytest.approx(vanilla["gain"]["value"], abs=1e-9)


@pytest.mark.parametrize("ending", ["", "@2:mean", None])
def test_zero_epochs_of_a_model_that_reads_with_settings_are_the_frozen_run(
    ending: str | None, place: Path, cli: Cli, tmp_path: Path
) -> None:
    language_model = ("--student", f"transformers:{save_gpt2(tmp_path / 'gpt2')}{ending}")
    more = (*(() if ending is None else language_model), "--prefix", "film ", "--max-length", "9")
    printed = output(cli, command(place, *more, "--epochs", "0"))
    run = json.loads(cli("run", *command(place, *more, "--head", "softmax", "--json")[1:]).stdout)
    if ending is not None:
        assert printed["config"]["student"] == f"transformers:gpt2{ending or '@3:last'}"
    pairs = [(printed["systems"][f"finetuned_{name}"], run["systems"][name]) for name in ("baseline", "ceiling")]
    for tuned, frozen in (*pairs, (printed["students"]["finetuned"], run["students"]["vanilla"])):
        for score in ("accuracy", "brier", "log_loss"):
            assert tuned[score]["value"] == pytest.approx(frozen[score]["value"], abs=1e-4)
    trained = output(cli, command(place, *more, "--epochs", "1", "--lr", "3e-3"))
    before, after = (result["students"]["finetuned"]["log_loss"]["value"] for result in (printed, trained))
    assert abs(after - before) > 1e-4


def test_only_weights_in_float32_are_trained(place: Path, cli: Cli) -> None:
    refused = cli(*command(place, "--precision", "bfloat16"))
    assert refused.returncode == 1
    assert "--precision must be float32 for finetune, which trains weights: got bfloat16." in refused.stderr


def test_training_fits_its_labels_and_every_system_says_how_it_was_trained(place: Path, cli: Cli) -> None:
    more = ("--epochs", "8", "--lr", "3e-3", "--batch-size", "8", "--strategy", "vanilla,high_confidence,average")
    printed = output(cli, command(place, *more, "--out", "out"))
    systems, students = printed["systems"], printed["students"]
    tuned = {name: system for name, system in {**systems, **students}.items() if name.startswith("finetuned")}
    assert set(tuned) == {
        "finetuned_baseline",
        "finetuned_ceiling",
        "finetuned",
        "finetuned/high_confidence",
    }
    for system in tuned.values():
        assert (system["epochs"], system["lr"], system["chosen_by"]) == (8, 3e-3, "given")
        assert [point["epoch"] for point in system["curve"]] == list(range(9))
        assert system["curve"][8]["accuracy"]["value"] == pytest.approx(system["accuracy"]["value"])
    for name in ("baseline", "ceiling"):
        own = systems[f"finetuned_{name}"]
        assert own["curve"][0]["accuracy"] == systems[name]["accuracy"]
        change = own["accuracy"]["value"] - systems[name]["accuracy"]["value"]
        assert own["versus_frozen"]["value"] == pytest.approx(change, abs=1e-9)
    ceiling = systems["finetuned_ceiling"]
    assert ceiling["accuracy"]["value"] > 0.9
    assert abs(ceiling["log_loss"]["value"] - systems["ceiling"]["log_loss"]["value"]) > 0.005
    student, baseline = students["finetuned"], systems["finetuned_baseline"]
    difference = student["accuracy"]["value"] - baseline["accuracy"]["value"]
    assert student["versus_baseline"]["value"] == pytest.approx(difference, abs=1e-9)
    assert students["finetuned/high_confidence"]["control"]["selection"]["kept"] > 0
    assert "does not learn pseudolabels of the pool alone" in printed["skipped"]["finetuned/average"]
    assert printed["finetuning"]["settings"]["epochs"] == 8


def test_auto_chooses_the_epoch_with_the_lowest_held_out_loss(place: Path, cli: Cli) -> None:
    printed = output(cli, command(place, "--lr", "3e-3", "--batch-size", "8", "--seeds", "1"))
    for name, system in {**printed["systems"], **printed["students"]}.items():
        if name.startswith("finetuned"):
            losses = [point["held_out"] for point in system["curve"]]
            assert losses[0] is None
            assert system["epochs"] == 1 + int(np.argmin(losses[1:]))
            labels = name in ("finetuned_baseline", "finetuned_ceiling")
            assert system["chosen_by"] == ("held_out_labels" if labels else "held_out_pseudolabels")


def test_the_teacher_can_be_tuned_too(place: Path, cli: Cli) -> None:
    teacher = f"sentence-transformers:{place / 'tiny' / 'model'}"
    tuned = ("--epochs", "2", "--lr", "3e-3", "--finetune-teacher", "--teacher", teacher)
    printed = output(cli, command(place, *tuned))
    assert printed["systems"]["finetuned_teacher"]["epochs"] == 2
    assert printed["students"]["finetuned/finetuned_teacher"]["versus_frozen"]["value"] is not None
    refused = cli(*command(place, "--epochs", "1", "--finetune-teacher"))
    assert "classic:hashing-64 has no such weights" in refused.stderr


def test_files_of_out_are_read_again_and_text_and_pages_show_both(place: Path, cli: Cli, tmp_path: Path) -> None:
    done = cli(*command(place, "--epochs", "1", "--out", "out"))
    assert done.returncode == 0, done.stderr
    assert max(len(line) for line in done.stdout.splitlines() if "encoded" not in line) <= 80
    assert "fine-tuned - frozen" in " ".join(done.stdout.split())
    page = (tmp_path / "out" / "report.html").read_bytes()
    again = cli("report", "out")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "out" / "report.html").read_bytes() == page
    rows = pl.read_parquet(tmp_path / "out" / "results.parquet")
    accuracy = rows.filter(pl.col("metric") == "accuracy", pl.col("part") == "test")
    assert {"finetuned_baseline", "finetuned_ceiling", "student"} <= set(accuracy["system"])
    assert "finetuned" in set(accuracy["strategy"])


def test_a_second_call_trains_nothing_and_prints_the_same(
    place: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = command(place, "--epochs", "2", "--out", "out")
    first = output(cli, arguments)
    import torch

    monkeypatch.setattr(torch.optim.AdamW, "step", None)  # any training step would fail
    assert output(cli, arguments) == first


def test_weights_do_not_depend_on_labels_of_pool_and_test_rows(place: Path, cli: Cli, tmp_path: Path) -> None:
    more = ("--epochs", "2", "--lr", "1e-3", "--strategy", "vanilla,high_confidence")
    table = pl.read_csv(place / "texts.csv")
    assert cli("run", *command(place, "--head", "softmax", "--save-split", "split.csv")[1:]).returncode == 0
    labeled = pl.read_csv(tmp_path / "split.csv").filter(pl.col("part") == "labeled")["id"]
    weights: list[dict[str, bytes]] = []
    for number in range(2):
        noise = pl.Series(np.random.default_rng(number).choice(["good", "bad"], size=len(table)))
        kept = table["id"].is_in(labeled.to_list())
        changed = table.with_columns(label=pl.when(kept).then(table["label"]).otherwise(noise))
        changed.write_csv(tmp_path / "noisy.csv")
        arguments = command(place, *more, "--out", f"out{number}", "--save-weights", "--split-file", "split.csv")
        arguments[1] = "noisy.csv"
        done = cli(*without(arguments, "-n", "-N", "--n-test"))
        assert done.returncode == 0, done.stderr
        files = sorted((tmp_path / f"out{number}").glob("finetuned-*.safetensors"))
        weights.append({file.name: file.read_bytes() for file in files})
        assert cli("report", f"out{number}").returncode == 0
    assert set(weights[0]) == {
        "finetuned-baseline.safetensors",
        "finetuned-ceiling.safetensors",
        "finetuned-student.safetensors",
        "finetuned-high_confidence.safetensors",
        "finetuned-high_confidence-control.safetensors",
    }
    for name, content in weights[0].items():
        assert (content == weights[1][name]) == (name != "finetuned-ceiling.safetensors")


def test_weights_that_were_deleted_are_trained_again(place: Path, cli: Cli, tmp_path: Path) -> None:
    usual = command(place, "--epochs", "1", "--seeds", "1", "--out", "out", "--save-weights")
    assert cli(*usual).returncode == 0
    written = tmp_path / "out" / "finetuned-student.safetensors"
    before = written.read_bytes()
    for file in (tmp_path / "out" / "fits").glob("*.weights.safetensors"):
        file.unlink()
    done = cli(*usual)
    assert done.returncode == 0, done.stderr
    assert written.read_bytes() == before


def test_weights_of_an_earlier_call_are_removed_and_those_of_another_refused(
    place: Path, cli: Cli, tmp_path: Path
) -> None:
    usual = command(place, "--epochs", "1", "--seeds", "1", "--out", "out")
    assert cli(*usual, "--save-weights", "--strategy", "vanilla,high_confidence").returncode == 0
    filtered = tmp_path / "out" / "finetuned-high_confidence.safetensors"
    assert filtered.exists()
    (tmp_path / "out" / "finetuned-mine.safetensors").write_bytes(b"mine")
    content = filtered.read_bytes()
    assert cli(*usual, "--save-weights").returncode == 0
    assert not filtered.exists()
    assert (tmp_path / "out" / "finetuned-mine.safetensors").read_bytes() == b"mine"
    filtered.write_bytes(content)
    done = cli("report", "out")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "finetuned-high_confidence.safetensors has" in done.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--head", "ridge"), "--head must be softmax for finetune"),
        (("--task", "regression"), "--task must be classification for finetune"),
        (("--epochs", "many"), "--epochs must be auto or a whole number"),
        (("--epochs", "-1"), "--epochs must be at least 0"),
        (("--lr", "0"), "--lr must be above 0 and at most 1"),
        (("--lr", "2"), "--lr must be above 0 and at most 1"),
        (("--layers", "9"), "--layers must be at most 2"),
        (("--device", "cuda"), "--device must be one that torch can use: got cuda"),
        (("--device", "no-such"), "--device must be one that torch can use"),
        (("--save-weights",), "--save-weights needs a folder"),
        (("--student", "classic:hashing-32"), "classic:hashing-32 has no such weights"),
        (("--student", "features:x.npy"), "features:x.npy has no such weights"),
        (("--student", "cached:x"), "cached:x has no such weights"),
    ],
)
def test_errors_are_one_line(place: Path, cli: Cli, more: tuple[str, ...], said: str) -> None:
    usual = () if "--epochs" in more else ("--epochs", "1")
    done = cli(*command(place, *usual, *more))
    lines = [line for line in done.stderr.splitlines() if not line.startswith("read:")]
    assert done.returncode in (1, 2)
    assert len(lines) == 1, lines
    assert said in lines[0]


def test_what_cannot_be_trained_is_refused_before_anything_is_embedded(place: Path, cli: Cli) -> None:
    refused = cli(*command(place, "--layers", "9"))
    assert "--layers must be at most 2" in refused.stderr
    assert json.loads(cli("cache", "ls", "--json").stdout)["features"] == []


@pytest.mark.parametrize("task", ["preference", "regression"])
def test_other_tasks_are_referred_to_run(task: str, place: Path, cli: Cli) -> None:
    arguments = command(place, *(("--task", task) if task == "regression" else ()))
    data = "builtin:vader-pairs-movie" if task == "preference" else arguments[1]
    refused = cli("finetune", data, *arguments[8:])
    assert f"--task must be classification for finetune: got {task}. Use run with --task {task}" in refused.stderr


def test_all_stands_for_the_same_strategies_as_in_a_run(place: Path, cli: Cli) -> None:
    printed = output(cli, command(place, "--epochs", "1", "--seeds", "1", "--strategy", "all"))
    frozen = {name for name in printed["students"] if not name.startswith("finetuned") and "/" not in name}
    names = {name.removeprefix("finetuned/") for name in printed["students"] if name.startswith("finetuned/")}
    left_out = {name.removeprefix("finetuned/") for name in printed["skipped"] if name.startswith("finetuned/")}
    assert names | left_out == frozen - {"vanilla"}
    assert {"high_confidence", "two_stage", "confidence_weighted"} <= names


def test_advice_does_not_contradict_itself(place: Path, cli: Cli) -> None:
    notes = " ".join(output(cli, command(place, "--lr", ".3", "--batch-size", "4"))["notes"])
    assert "Worse than frozen after fine-tuning: finetuned_ceiling" in notes
    assert "Try a smaller --lr." in notes
    for note in notes.split("The last epoch")[1:]:
        assert "finetuned_ceiling" not in note.split("more may be better")[0]


def test_equal_baselines_are_not_said_to_differ(place: Path, cli: Cli) -> None:
    printed = output(cli, command(place, "--epochs", "1", "--lr", "1e-9"))
    assert printed["finetuning"]["baseline"] == "finetuned_baseline"
    assert not any("frozen baseline is better" in note for note in printed["notes"])


def test_one_of_several_teachers_is_trained(place: Path, cli: Cli) -> None:
    model = f"sentence-transformers:{place / 'tiny' / 'model'}"
    tuned = ("--epochs", "1", "--seeds", "1", "--finetune-teacher", "--teacher", f"{model}+classic:hashing-64")
    notes = output(cli, command(place, *tuned))["notes"]
    assert any(f"finetuned_teacher is {model} alone, the first of 2 teachers" in note for note in notes)


def test_predictions_are_a_frozen_teacher(place: Path, cli: Cli) -> None:
    table = pl.read_csv(place / "texts.csv")
    wrong = np.random.default_rng(1).random(len(table)) < 0.2
    names = sorted(set(table["label"].to_list()))
    old = [names[names.index(label) ^ bool(off)] for label, off in zip(table["label"], wrong, strict=True)]
    table.with_columns(old=pl.Series([None if row % 10 == 0 else name for row, name in enumerate(old)])).write_csv(
        place / "old.csv"
    )
    arguments = command(place, "--epochs", "1", "--seeds", "1", "--teacher", "labels:old")
    printed = output(cli, [str(place / "old.csv") if word.endswith("texts.csv") else word for word in arguments])
    assert printed["teachers"]["labels:old"]["coverage"]["unlabeled"] < 1
    assert {"finetuned", "vanilla"} <= set(printed["students"])
    assert "strength" not in printed["systems"]["teacher"]
    refused = cli(*arguments, "--finetune-teacher")
    assert "labels:old" in refused.stderr.splitlines()[-1]
