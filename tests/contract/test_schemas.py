"""What verbs print is what their JSON Schemas say, on real runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from jsonschema import Draft202012Validator, ValidationError

from docs.schemas import OUTPUTS, schema_of
from tests.conftest import Cli

PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy", "-n", "100", "-N", "300", "--seeds", "2")
RUN = ("run", "table.csv", *PAIR, "--label", "y")


def check(verb: str, printed: str) -> dict[str, Any]:
    """Return what was printed, after comparing it with the verb's schema."""
    found: dict[str, Any] = json.loads(printed)
    Draft202012Validator(schema_of(verb)).validate(found)
    return found


@pytest.mark.parametrize("verb", OUTPUTS)
def test_a_schema_is_valid_and_closed(verb: str) -> None:
    schema = schema_of(verb)
    Draft202012Validator.check_schema(schema)
    for part in _parts(schema):
        if "properties" in part:
            assert part["additionalProperties"] is False
            assert set(part.get("required", ())) <= set(part["properties"])


@pytest.mark.parametrize("verb", OUTPUTS)
def test_every_key_of_the_top_level_is_described(verb: str) -> None:
    assert [name for name, part in schema_of(verb)["properties"].items() if "description" not in part] == []


FLAGS = [(), ("--head", "softmax"), ("--pseudolabels", "hard"), ("--seeds", "1", "--ceiling", "L+U")]


@pytest.mark.parametrize("flags", FLAGS, ids=lambda flags: " ".join(flags) or "defaults")
def test_classification_prints_what_its_schema_says(cli: Cli, table: Path, flags: tuple[str, ...]) -> None:
    seeds = () if "--seeds" in flags else ("--seeds", "2")
    check("run", cli("run", "table.csv", *PAIR[:-2], "--label", "y", *seeds, *flags, "--json").stdout)


def test_stages_are_printed_as_the_schema_says(cli: Cli, table: Path) -> None:
    mutual = check("run", cli(*RUN, "--strategy", "vanilla,mutual", "--json").stdout)["students"]["mutual"]
    sides = ("student", "teacher.features:t.npy")
    assert list(mutual["stages"]) == [f"round{r}.{side}" for r in range(4) for side in sides][1:-1]
    assert list(mutual["fitted"]) == list(mutual["stages"])
    last = mutual["stages"]["round3.student"]["accuracy"]
    assert mutual["fitted"]["round3.student"]["mean"] == pytest.approx(last["value"]) == mutual["accuracy"]["value"]


@pytest.mark.parametrize("flags", [(), ("--student-alpha", "chosen,1", "--head", "ridge,softmax", "--seed", "1,4")])
def test_a_sweep_prints_what_its_schema_says(cli: Cli, table: Path, flags: tuple[str, ...]) -> None:
    sizes = ("-n", "50,100", "-N", "200") if flags else ()
    check("sweep", cli("sweep", "table.csv", *PAIR[:4], "--label", "y", *sizes, *flags, "--json").stdout)


def test_regression_prints_what_its_schema_says(cli: Cli, table: Path, tmp_path: Path) -> None:
    numbers = np.load(tmp_path / "s.npy")[:, 0].astype(float)
    pl.DataFrame({"y": numbers}).write_csv(tmp_path / "table.csv")
    found = check("run", cli(*RUN, "--task", "regression", "--json").stdout)
    assert set(found["students"]["vanilla"]["error_imitation"]) == {"teacher_error"}
    assert found["majority_rate"] is None


def test_an_undefined_number_is_null_and_allowed(cli: Cli, table: Path) -> None:
    weaker_student = ("--teacher", "features:s.npy", "--student", "features:t.npy")
    found = check("run", cli("run", "table.csv", *weaker_student, *PAIR[4:], "--label", "y", "--json").stdout)
    assert found["students"]["vanilla"]["pgr"] == {"value": None, "low": None, "high": None, "resolved": False}


def test_verbs_around_run_print_what_their_schemas_say(cli: Cli) -> None:
    check("cache ls", cli("cache", "ls", "--json").stdout)
    grids = ("--backbone", "classic:pixels-2x2", "--backbone", "classic:pixels-4x4")
    check("embed", cli("embed", "builtin:digits", *grids, "--json").stdout)
    listed = check("cache ls", cli("cache", "ls", "--json").stdout)
    assert len(listed["features"]) == 2
    shown = check("cache info", cli("cache", "info", listed["features"][0]["fingerprint"], "--json").stdout)
    assert {**shown, "schema": 2, "name": None} == {"schema": 2, **listed["features"][0]}
    check("cache verify", cli("cache", "verify", "--json").stdout)
    check("doctor", cli("doctor", "--json").stdout)
    check("backbones", cli("backbones", "--json").stdout)


def test_a_theory_prints_what_its_schema_says(cli: Cli) -> None:
    sizes = ("--d-student", "20", "--d-teacher", "60", "--correlation-dimension", "5", "-N", "200")
    for extra in (
        ("-n", "110"),
        ("-n", "70", "--simulate", "3"),
        (
            "-n",
            "63",
        ),
    ):
        check("theory variance", cli("theory", "variance", *sizes, *extra, "--noise-variance", "1", "--json").stdout)


def test_a_forecast_prints_what_its_schema_says(cli: Cli, table: Path) -> None:
    found = check("forecast", cli("forecast", *RUN[1:], "--json").stdout)
    assert found["config"]["n_labeled"] == found["n"] == 100


def test_a_key_too_many_or_too_few_fails_wherever_it_is(cli: Cli, table: Path) -> None:
    found = json.loads(cli(*RUN, "--json").stdout)
    validator = Draft202012Validator(schema_of("run"))
    validator.validate(found)
    for place in (found, found["config"], found["systems"]["teacher"], found["students"]["vanilla"]["selection"]):
        place["surprise"] = 1
        with pytest.raises(ValidationError, match="surprise"):
            validator.validate(found)
        del place["surprise"]
    for place, key in ((found, "notes"), (found["systems"], "ceiling"), (found["students"]["vanilla"]["gain"], "low")):
        kept = place.pop(key)
        with pytest.raises(ValidationError, match=key):
            validator.validate(found)
        place[key] = kept


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, dict):
        yield schema
    if isinstance(schema, dict | list):
        for inner in schema.values() if isinstance(schema, dict) else schema:
            yield from _parts(inner)
