"""``w2s-probe theory spurious`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from tests.conftest import Cli
from tests.schemas import check_schema
from tests.stderr import without_read
from tests.unit.theory.spurious.models import APART, EYE, SHARED
from w2s_probe.cli.theory_spurious import LAWS
from w2s_probe.theory.spurious.model import Law

ASKED = {
    "--law": "mixture",
    "--teacher-matrix": "T.npy",
    "--student-matrix": "S.npy",
    "--mu": "2,0,1,1,0,0",
    "--sigma": "1",
    "--gamma": ".01",
    "--nu": ".0025",
    "--eta-labeled": ".2",
    "--eta-unlabeled": ".4",
    "--eta-test": ".3",
    "--noise-variance": "1",
}
LARGE = {"gamma": ".05", "nu": ".05", "simulate": "20"}


@pytest.fixture(autouse=True)
def _matrices(tmp_path: Path) -> None:
    np.save(tmp_path / "T.npy", EYE[:, :3])
    np.save(tmp_path / "S.npy", SHARED)
    np.save(tmp_path / "apart.npy", APART)


def arguments(**changes: str) -> list[str]:
    values = {**ASKED, **{f"--{name.replace('_', '-')}": value for name, value in changes.items()}}
    return ["theory", "spurious", *(part for pair in values.items() for part in pair)]


def test_json_has_every_form_and_the_best_pool(cli: Cli) -> None:
    done = cli(*arguments(), "--json")
    assert (done.returncode, without_read(done.stderr)) == (0, "")
    found = json.loads(done.stdout)
    check_schema("theory spurious", found)
    assert found["published"]["teacher"] == pytest.approx(0.0405, abs=5e-7)
    assert found["published"]["student"] == pytest.approx(0.021025, abs=5e-7)
    assert found["published"]["pool_term"] == pytest.approx(0.000152, abs=5e-7)
    assert (found["general"]["teacher"], found["general"]["student"]) == pytest.approx((0.041667, 0.023823), abs=5e-7)
    assert found["best_eta_unlabeled"] == pytest.approx(0.14)
    assert found["published"]["applies"] is False
    assert "two groups of rows" in found["published"]["reason"]
    assert found["fixed_point"]["converged"] is True
    assert found["call"] == "helps"
    assert "simulated" not in found
    assert cli(*arguments(), "--json").stdout == done.stdout
    gaussian = json.loads(cli(*arguments(law="gaussian"), "--json").stdout)
    assert (gaussian["published"]["applies"], gaussian["published"]["reason"]) == (True, None)
    assert gaussian["general"]["student"] == pytest.approx(0.021177, abs=5e-7)
    assert gaussian["published"]["student"] == found["published"]["student"]


@pytest.mark.parametrize("law", get_args(Law))
def test_the_simulation_stands_beside_the_fixed_point(cli: Cli, law: str) -> None:
    done = cli(*arguments(law=law, **LARGE), "--core-dimension", "40", "--json")
    found = json.loads(done.stdout)
    check_schema("theory spurious", found)
    assert found["simulation"] == {"trials": 20, "seed": 0, "core_dimension": 40, "n": 800, "N": 800}
    for who, measured in found["simulated"].items():
        value = found["fixed_point"][who]
        assert abs(measured["value"] - value) < max(4 * measured["se"], 2 / 40 * measured["value"]), who
    assert "use the fixed point" in done.stderr
    assert without_read(done.stderr).count("\n") == 1


def test_text_says_whether_it_gains_and_what_fractions_change_in_80_columns(cli: Cli) -> None:
    two, one = cli(*arguments(**LARGE)).stdout, cli(*arguments(law="gaussian")).stdout
    assert "Weak-to-strong helps: the student's risk is 0.644 times its teacher's" in two
    assert "The student's risk is lowest with a minority fraction of 0.0641 in the pool" in two
    assert "would change" in two
    assert "published (n/a)" in two
    assert "n/a" not in one
    assert "use --law mixture" in one
    assert " ± " in two
    assert max(map(len, (two + one).splitlines())) <= 80


def test_failure_is_said(cli: Cli) -> None:
    # the student sees more of what differs between the parts than its teacher does
    np_matrix = {"teacher_matrix": "apart.npy", "student_matrix": "T.npy", "law": "gaussian", "mu": "0,0,0,9,0,0"}
    moved = {"eta_labeled": ".5", "eta_unlabeled": "0", "eta_test": ".5", "gamma": ".2", "nu": ".2"}
    assert "Weak-to-strong hurts: the student's risk is" in cli(*arguments(**np_matrix, **moved)).stdout


def test_the_command_and_the_model_know_the_same_laws() -> None:
    assert get_args(Law) == LAWS


def test_no_best_pool_is_null(cli: Cli) -> None:
    found = json.loads(cli(*arguments(student_matrix="T.npy"), "--json").stdout)
    assert found["best_eta_unlabeled"] is None
    assert found["best"]["published"]["eta_unlabeled"] is None


def test_help_names_both_traps(cli: Cli) -> None:
    said = " ".join(cli("theory", "spurious", "--help").stdout.split())
    assert "small gamma" in said
    assert '"applies": false' in said


@pytest.mark.slow  # four processes
def test_a_report_is_written_and_rebuilt(cli: Cli, tmp_path: Path) -> None:
    asked = arguments(simulate="3", gamma=".05", nu=".05")
    done = cli(*asked, "--out", "out")
    assert done.returncode == 0, done.stderr
    names = ("report.html", "report.md")
    first = {name: (tmp_path / "out" / name).read_bytes() for name in names}
    for name in names:
        (tmp_path / "out" / name).unlink()
    again = cli("report", "out")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == cli(*asked).stdout + "wrote out/report.html and report.md\n"
    assert {name: (tmp_path / "out" / name).read_bytes() for name in names} == first
    page = first["report.html"].decode()
    assert page.count("<svg") == 2
    assert "published least at 0.140: 0.1009" in page
    assert "n/a: the published formula" in first["report.md"].decode().replace("&#45;", "-")
    found = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    check_schema(
        "theory spurious", {key: value for key, value in found.items() if key not in ("versions", "fingerprint")}
    )
    found["config"]["eta_test"] = 2
    (tmp_path / "out" / "result.json").write_text(json.dumps(found), encoding="utf-8")
    broken = cli("report", "out")
    assert (broken.returncode, broken.stdout, broken.stderr.count("\n")) == (1, "", 1)
    assert "must be as theory spurious --out wrote it: fractions must lie between 0 and 1" in broken.stderr
    etas = [(point["eta_labeled"], point["eta_unlabeled"]) for point in found["curve"]]
    assert len(etas) == 42
    assert etas.count((0.2, 0.4)) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"teacher_matrix": "no.npy"}, "there is none at no.npy"),
        ({"teacher_matrix": "wrong.npy"}, "teacher matrix must have orthonormal columns"),
        ({"mu": "1,2"}, "each of the 6 rows of the teacher matrix: got 2 numbers"),
        ({"mu": "1,x"}, "--mu must be numbers with commas between: got '1,x'"),
        ({"mu": "-1,nan,0,0,0,0"}, "--mu must be finite: got nan"),
        ({"eta_test": "1.5"}, "--eta-test must be between 0 and 1: got 1.5"),
        ({"gamma": ".25"}, "below 1/p_t = 1/4: got 0.25"),
        ({"nu": "0", "simulate": "3"}, "--nu must be above 0 for a simulation"),
        ({"sigma": "0"}, "--sigma must be finite and above 0"),
    ],
)
def test_a_mistake_is_one_line(cli: Cli, tmp_path: Path, changes: dict[str, str], said: str) -> None:
    np.save(tmp_path / "wrong.npy", np.ones((6, 2)))
    done = cli(*arguments(**changes))
    assert (done.returncode, done.stdout) == (1, "")
    assert without_read(done.stderr).count("\n") == 1, done.stderr
    assert said in done.stderr


def test_no_noise_no_risk(cli: Cli) -> None:
    done = cli(*arguments(noise_variance="0"), "--out", "out", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["call"], found["fixed_point"]["student"]) == ("unresolved", 0)
