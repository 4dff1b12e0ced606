"""Results that version 1 of the schema wrote: each verb's is read, reported, and printed as schema 2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli
from tests.schemas import check_schema
from tests.stderr import as_printed
from w2s_probe.core.serialize import plain
from w2s_probe.report.kinds import KINDS

WRITTEN = Path(__file__).parents[1] / "schema_1"  # result.json of each verb, as schema 1 wrote it
VERBS = [kind.verb for kind in KINDS if (WRITTEN / f"{kind.verb.replace(' ', '-')}.json").is_file()]


def written(verb: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((WRITTEN / f"{verb.replace(' ', '-')}.json").read_text(encoding="utf-8"))
    return content


def test_every_file_of_schema_1_is_of_a_verb() -> None:
    assert len(VERBS) == len(list(WRITTEN.glob("*.json"))) == 6


def put(folder: Path, content: Any) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "result.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("verb", VERBS)
def test_a_result_of_schema_1_is_printed_as_schema_2(cli: Cli, tmp_path: Path, verb: str) -> None:
    content = written(verb)
    assert content["schema"] == 1
    put(tmp_path / "old", content)
    done = cli("report", "old", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    printed = json.loads(done.stdout)
    check_schema(verb, printed)
    assert printed["schema"] == 2
    put(tmp_path / "new", {**printed, "versions": content["versions"]})
    assert cli("report", "new", "--json").stdout == done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_a_result_of_schema_1_keeps_all_its_numbers_to_twelve_digits(cli: Cli, tmp_path: Path, verb: str) -> None:
    content = written(verb)
    put(tmp_path / "old", content)
    printed = json.loads(cli("report", "old", "--json").stdout)
    same = {key: plain(value) for key, value in content.items() if key not in ("schema", "versions")}
    if verb == "forecast":
        old = "written by an older version"
        unknown = {"n": None, "low": None, "high": None, "reason": old}
        assert printed["needed"] == {"gain": unknown, "versus_baseline": unknown}
        assert all(point["gain_then"]["low"] is None for point in printed["curve"])
        assert f"Labels needed to resolve gain: {old}." in cli("report", "old", "--markdown").stdout
        printed = {**printed, "needed": same["needed"], "curve": [shared(*two) for two in curves_of(printed, same)]}
    assert {key: printed[key] for key in same} == same


def curves_of(printed: dict[str, Any], same: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    return zip(printed["curve"], same["curve"], strict=True)


def shared(printed: dict[str, Any], same: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a point that schema 1 had."""
    return {key: printed[key] for key in same}


@pytest.mark.parametrize("verb", VERBS)
def test_a_result_of_schema_1_is_reported(cli: Cli, tmp_path: Path, verb: str) -> None:
    put(tmp_path / "old", written(verb))
    done = cli("report", "old")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("wrote old/report.html and report.md\n")
    assert "What was read" not in (tmp_path / "old/report.html").read_text(encoding="utf-8")
    page = (tmp_path / "old/report.md").read_text(encoding="utf-8")
    assert cli("report", "old", "--markdown").stdout == as_printed(page)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("schema", [0, 3, -1, "1", "2", 1.0, True, None, [1]])
def test_another_schema_is_refused_in_one_line(cli: Cli, tmp_path: Path, verb: str, schema: object) -> None:
    put(tmp_path / "old", {**written(verb), "schema": schema})
    done = cli("report", "old")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"its schema must be 1 or 2: got {schema}, which another w2s_probe wrote" in done.stderr
