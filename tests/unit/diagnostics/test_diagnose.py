"""The whole diagnosis: every number, and degenerate features that break one measure only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.unit.diagnostics.planted import Float, related, rotation
from w2s_probe.core.config import DiagnoseConfig
from w2s_probe.core.errors import ConfigError, ShapeError
from w2s_probe.diagnostics import diagnose

CONFIG = DiagnoseConfig(neighbors=12, mutual_neighbors=6)


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return {k: v for name, item in value.items() for k, v in leaves(item, f"{path}.{name}").items()}
    return {path: value}


def nulls(found: dict[str, Any]) -> set[str]:
    return {path.split(".")[-1] for path, value in leaves(found).items() if value is None or value == []}


def data(m: int = 400) -> tuple[Float, Float, Float]:
    rng = np.random.default_rng(0)
    T, S = related(m, rng)
    return T, S, np.eye(2)[(S[:, 0] + S[:, 1] > S[:, :2].sum(axis=1).mean()).astype(int)]


def test_every_number_is_there_with_labels() -> None:
    T, S, Y = data()
    found = diagnose(T, S, targets=Y, config=CONFIG)
    assert nulls({name: found.to_dict()[name] for name in ("teacher", "student", "pair")}) == set()
    assert found.notes == ()
    assert (found.rows, found.sample, found.dropped_duplicates, found.n_labeled) == (400, 400, 0, 400)
    assert found.to_json() == diagnose(T, S, targets=Y, config=CONFIG).to_json()


def test_without_labels_only_what_needs_them_is_missing() -> None:
    T, S, Y = data()
    found, labeled = diagnose(T, S, config=CONFIG), diagnose(T, S, targets=Y, config=CONFIG)
    assert math.isnan(found.pair.teacher_error_energy.value)
    assert math.isnan(found.pair.overlap_density.value)
    assert found.pair.correlation_dimension == labeled.pair.correlation_dimension
    assert found.pair.procrustes_chance == labeled.pair.procrustes_chance
    assert found.teacher.intrinsic_dimension.twonn == labeled.teacher.intrinsic_dimension.twonn
    # half of the mean eigenvalue's energy is shrunk away where all eigenvalues are equal
    assert diagnose(
        np.vstack([np.eye(4), -np.eye(4)] * 10), np.ones((80, 1)), config=CONFIG
    ).teacher.intrinsic_dimension.ridge_df == (pytest.approx(2))


def test_a_few_labels_choose_the_strength_per_row() -> None:
    T, S, Y = data()
    rows = np.arange(0, 400, 4)
    some = diagnose(T, S, targets=Y[rows], labeled=rows, config=CONFIG)
    alone = diagnose(T[rows], S[rows], targets=Y[rows], config=CONFIG)
    assert some.n_labeled == 100
    assert some.teacher.intrinsic_dimension.ridge_alpha == pytest.approx(
        4 * alone.teacher.intrinsic_dimension.ridge_alpha
    )


def test_duplicates_are_dropped_and_counted() -> None:
    T, S, _ = data()
    twice = np.r_[np.arange(400), [3, 3, 7]]
    found, once = diagnose(T[twice], S[twice], config=CONFIG), diagnose(T, S, config=CONFIG)
    assert (found.rows, found.sample, found.dropped_duplicates) == (403, 400, 3)
    assert found.student.intrinsic_dimension.mle == once.student.intrinsic_dimension.mle
    assert found.pair.mutual_knn == once.pair.mutual_knn


def test_a_sample_is_drawn_by_seed() -> None:
    T, S, _ = data()
    found = [diagnose(T, S, config=DiagnoseConfig(sample=100, seed=seed)) for seed in (0, 0, 1)]
    assert found[0].sample == 100
    assert (
        found[0].teacher.intrinsic_dimension.twonn
        == found[1].teacher.intrinsic_dimension.twonn
        != found[2].teacher.intrinsic_dimension.twonn
    )
    assert found[0].pair.correlation_dimension.value == pytest.approx(
        found[2].pair.correlation_dimension.value, rel=1e-12
    )


def test_a_constant_column_changes_nothing() -> None:
    T, S, Y = data()
    before = diagnose(T, S, targets=Y, config=CONFIG)
    after = diagnose(np.column_stack([T, np.full(400, 7.0)]), S, targets=Y, config=CONFIG)
    assert after.notes == ()
    assert after.pair.procrustes == pytest.approx(before.pair.procrustes, abs=1e-9)
    assert after.teacher.intrinsic_dimension.twonn == pytest.approx(before.teacher.intrinsic_dimension.twonn, rel=1e-9)
    assert after.teacher.intrinsic_dimension.rank == 12


def test_an_equal_teacher_leaves_the_student_alone() -> None:
    T, S, Y = data()
    before, after = diagnose(T, S, targets=Y, config=CONFIG), diagnose(T * 0 + 0.1, S, targets=Y, config=CONFIG)
    assert after.student.intrinsic_dimension.energy99 == before.student.intrinsic_dimension.energy99
    assert after.student.intrinsic_dimension.rank == before.student.intrinsic_dimension.rank
    assert after.student.intrinsic_dimension.ridge_df == before.student.intrinsic_dimension.ridge_df
    assert after.teacher.intrinsic_dimension.rank is None
    assert math.isnan(after.pair.procrustes)
    assert any("got 400 equal rows" in note for note in after.notes)
    assert nulls(after.to_dict()["student"]) == {"twonn", "mle"}  # their rows are the pair's distinct ones


def test_a_teacher_of_rank_one_breaks_nothing() -> None:
    T, S, Y = data()
    found = diagnose(T[:, :1] * np.ones(5), S, targets=Y, config=CONFIG)
    assert found.teacher.intrinsic_dimension.rank == 1
    assert len(found.pair.principal_angles) == 1
    assert found.teacher.intrinsic_dimension.mle == pytest.approx(1, abs=0.2)
    assert found.notes == ()


def test_fewer_rows_than_dimensions_break_the_overlap_only() -> None:
    T, S, Y = data(26)
    found = diagnose(T, S, targets=Y, config=DiagnoseConfig(neighbors=5, mutual_neighbors=3, energy=1.0))
    pair = found.to_dict()["pair"]
    assert {path.split(".")[1] for path, value in leaves(pair).items() if value is None} == {
        "correlation_dimension",
        "smallest_angle_chance",
        "teacher_error_energy",
    }
    assert any(note.startswith("correlation_dimension: ") for note in found.notes)
    assert pair["cka"]["debiased"] is not None


def test_three_rows_still_answer() -> None:
    found = diagnose(np.eye(3), np.eye(3)[:, :2], config=CONFIG)
    assert found.to_dict()["pair"]["cka"]["debiased"] is None
    assert found.to_dict()["pair"]["cka"]["biased"] is not None
    assert any("got 3" in note for note in found.notes)


def test_regression_has_no_overlap_density() -> None:
    T, S, _ = data()
    found = diagnose(T, S, targets=S[:, :1], config=CONFIG)
    assert math.isnan(found.pair.overlap_density.value)
    assert found.pair.teacher_error_energy.rows == 400


def test_rows_must_fit() -> None:
    with pytest.raises(ShapeError, match="got 5 rows and 4"):
        diagnose(np.ones((4, 2)), np.ones((5, 2)))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"energy": 0.0}, "`energy` must be a share above 0 and at most 1"),
        ({"neighbors": 1}, "`neighbors` must be at least 2"),
        ({"mutual_neighbors": 30}, "at most `neighbors`, 20: got 30"),
    ],
)
def test_impossible_settings_are_refused(setting: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        DiagnoseConfig(**setting)


def test_rotating_either_space_changes_no_neighbor() -> None:
    T, S, _ = data()
    rng = np.random.default_rng(1)
    before, after = diagnose(T, S, config=CONFIG), diagnose(T @ rotation(12, rng), S @ rotation(20, rng), config=CONFIG)
    assert after.pair.mutual_knn == before.pair.mutual_knn
    assert after.teacher.intrinsic_dimension.twonn == pytest.approx(before.teacher.intrinsic_dimension.twonn, rel=1e-8)
    assert after.pair.representation_gap == pytest.approx(before.pair.representation_gap, abs=1e-8)
