"""``w2s-probe theory variance`` as a user meets it."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Cli

SIZES = {
    "--d-student": "20",
    "--d-teacher": "60",
    "--correlation-dimension": "5",
    "-n": "110",
    "-N": "1000",
    "--noise-variance": "0.25",
}
KEYS = {"teacher", "baseline", "ceiling", "ceiling_unlabeled", "student_fresh", "student_in_sample"}
RATIOS = {"pgr", "pgr_unlabeled", "opr"}


def arguments(**changes: str) -> list[str]:
    values = {
        **SIZES,
        **{f"--{name.replace('_', '-')}" if len(name) > 1 else f"-{name}": v for name, v in changes.items()},
    }
    return ["theory", "variance", *(part for pair in values.items() for part in pair)]


def test_json_has_the_closed_forms_and_the_simulation_beside_them(cli: Cli) -> None:
    done = cli(*arguments(simulate="400"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["teacher"] == pytest.approx(0.306122, abs=5e-7)
    assert found["student_fresh"] == pytest.approx(0.031243, abs=5e-7)
    assert set(found["simulated"]) == KEYS | RATIOS
    for name, measured in found["simulated"].items():
        assert abs(measured["value"] - found[name]) < 4 * measured["se"], name
    assert cli(*arguments(simulate="400"), "--json").stdout == done.stdout
    assert json.loads(cli(*arguments(simulate="3", seed="1"), "--json").stdout)["simulated"] != found["simulated"]


def test_text_says_which_is_better_and_why_in_80_columns(cli: Cli) -> None:
    better, worse = cli(*arguments(simulate="20")).stdout, cli(*arguments(correlation_dimension="15")).stdout
    assert "Weak-to-strong is better than the strong model trained on the n labels" in better
    assert "in the 5 dimensions they share" in better
    assert "Training the strong model on the n labels directly is no worse" in worse
    assert " ± " in better
    assert max(map(len, (better + worse).splitlines())) <= 80


def test_biases_are_reached_from_flags(cli: Cli) -> None:
    biases = {"teacher_residual": "0.2", "misalignment": "0.1", "unseen_signal": "0.05", "student_residual": "0.16"}
    found = json.loads(cli(*arguments(**biases), "--json").stdout)
    q, tau = 20 / 979, 0.45 / 49
    assert found["student_fresh"] == pytest.approx(0.16 + 0.1 + q * 0.05 + tau * (5 + q * 55))
    assert found["bias"]["teacher"] == pytest.approx(0.2 * 109 / 49)


def test_what_is_undefined_is_null_and_noted(cli: Cli) -> None:
    done = cli(*arguments(d_student="200", n="66"), "--json")
    assert json.loads(done.stdout)["opr"] is None
    assert done.stderr.count("note: ") == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": "61"}, "-n must be at least --d-teacher + 2 = 62: got 61"),
        ({"N": "20"}, "-N must be at least --d-student + 2 = 22: got 20"),
        ({"correlation_dimension": "30"}, "between 0 and the smaller dimension, 20: got 30"),
        ({"noise_variance": "-1"}, "--noise-variance must be finite and at least 0: got -1"),
        ({"misalignment": "0.1"}, "must be at most --teacher-residual"),
        (
            {"correlation_dimension": "19.5", "teacher_residual": "1", "misalignment": "0.1", "simulate": "9"},
            "to simulate this --misalignment",
        ),
    ],
)
def test_a_mistake_is_one_line(cli: Cli, changes: dict[str, str], said: str) -> None:
    done = cli(*arguments(**changes))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert said in done.stderr
