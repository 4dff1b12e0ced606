"""Settings of strategies that are not run and empty items of lists are refused, before features are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.stderr import without_read

DATA = ("table.csv", "--label", "y")
PAIR = ("--teacher", "features:absent.npy", "--student", "features:absent.npy")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--set", "high_confidnce.keep=.1"), "Did you mean high_confidence or "),
        (
            ("--strategy", "high_confidence", "--set", "high_confidnce.keep=.1"),
            "Did you mean high_confidence or ",
        ),
        (("--set", "high_confidence.keep=.1"), "Add --strategy high_confidence, or remove it."),
        (("--set", "nothing.alike=1"), "with the name of a strategy that is run (vanilla): got 'nothing.alike'."),
        (("--set", "vanilla.=1"), "--set must be STRATEGY.FIELD=VALUE: got 'vanilla.=1'."),
        (("--set", ".keep=1"), "--set must be STRATEGY.FIELD=VALUE: got '.keep=1'."),
        (("--set", " .keep=1"), "--set must be STRATEGY.FIELD=VALUE"),
        (("--set", "vanilla=1"), "--set must be STRATEGY.FIELD=VALUE"),
        (("--set", "vanilla.keep=1"), "the strategy vanilla has no settings: got 'keep'. Remove it."),
        (("--strategy", "high_confidence", "--set", "high_confidence.kep=1"), "Did you mean keep?"),
        (("--strategy", ""), "--strategy must have a value before and after each comma: got ''."),
        (("--strategy", "vanilla,"), "--strategy must have a value before and after each comma: got 'vanilla,'."),
        (("--group", "source", "--cue", "0=1,,1=0"), "--cue must have a value before and after each comma"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "sweep"])
def test_a_setting_or_list_that_would_be_ignored_is_refused(
    cli: Cli, table: Path, verb: str, arguments: tuple[str, ...], text: str
) -> None:
    done = cli(verb, *DATA, *PAIR, *arguments)
    assert (done.returncode, done.stdout, without_read(done.stderr).count("\n")) == (1, "", 1)
    assert text in done.stderr


@pytest.mark.parametrize("value", [",", "", " ", "50,,100", "50,", ",50"])
@pytest.mark.parametrize("flag", ["-n", "-N", "--seed", "--head", "--teacher-alpha", "--eta-labeled", "--teacher"])
def test_an_empty_item_of_an_axis_is_refused(cli: Cli, table: Path, flag: str, value: str) -> None:
    pair = PAIR[2:] if flag == "--teacher" else PAIR
    names = value.replace("100", "features:u.npy").replace("50", "features:t.npy")
    done = cli("sweep", *DATA, *pair, flag, names if flag == "--teacher" else value)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"{flag} must have a value before and after each comma: got " in done.stderr


def test_an_empty_backbone_of_a_forecast_is_refused(cli: Cli, table: Path) -> None:
    done = cli("forecast", *DATA, *PAIR[2:], "--teacher", "classic:hashing-8,,classic:hashing-16")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "--teacher must have a value before and after each comma" in done.stderr


@pytest.mark.parametrize(
    ("toml", "text"),
    [
        ("[set.high_confidnce]\nkeep = 0.1", "Did you mean high_confidence or "),
        ("[set.high_confidence]\nkeep = 0.1", "Add --strategy high_confidence, or remove it."),
        ('[set.vanilla]\n"" = 1', "--set must be STRATEGY.FIELD=VALUE"),
        ('[set.""]\nkeep = 1', "--set must be STRATEGY.FIELD=VALUE"),
        ("n-labeled = []", "n-labeled must be texts or numbers, at least one: got []."),
        ('n-labeled = [50, ""]', "-n must have a value before and after each comma: got ''."),
        ("strategy = []", "strategy must be texts or numbers, at least one: got []."),
        ('strategy = ["vanilla", ""]', "--strategy must have a value"),
    ],
)
def test_a_file_of_settings_is_refused_alike(cli: Cli, table: Path, toml: str, text: str) -> None:
    (table.parent / "c.toml").write_text(toml + "\n")
    done = cli("sweep", *DATA, *PAIR, "--config", "c.toml")
    assert (done.returncode, done.stdout, without_read(done.stderr).count("\n")) == (1, "", 1)
    assert text in done.stderr
