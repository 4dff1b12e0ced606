"""Features, labels, config and results."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.conftest import feature_set, pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import ConfigError, DataError, ShapeError
from w2s_probe.core.features import EmbeddingSpec, FeatureSet
from w2s_probe.core.labels import read_labels
from w2s_probe.core.splits import draw_splits
from w2s_probe.experiments.run.protocol import run_w2s


def test_features_are_read_only_and_align_by_id() -> None:
    features = feature_set(np.arange(12.0).reshape(6, 2))
    with pytest.raises(ValueError, match="read-only"):
        features.X[0, 0] = 1
    aligned = features.align(["4", "0"])
    np.testing.assert_array_equal(aligned.X, [[8, 9], [0, 1]])
    with pytest.raises(DataError, match="1 of 2 ids are missing, the first is 'x'"):
        features.align(["4", "x"])


def test_features_keep_a_memory_map(tmp_path: Any) -> None:
    np.save(tmp_path / "X.npy", np.ones((5, 2), dtype=np.float32))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert isinstance(
        FeatureSet(ids=np.arange(5).astype(str), X=X, spec=EmbeddingSpec(backbone="b", revision="r")).X, np.memmap
    )


def test_repeated_ids_cannot_be_aligned() -> None:
    features = replace(feature_set(np.eye(3)), ids=np.array(["a", "b", "a"]))
    with pytest.raises(ShapeError, match="'a' twice"):
        features.align(["a"])


@pytest.mark.parametrize(
    ("column", "classes"),
    [
        (["b", "a", "b"], ("a", "b")),
        ([10, 9, 10], ("9", "10")),
        ([1.0, 0.0, 1.0], ("0", "1")),
        (["10", "9", "10"], ("9", "10")),
        (["10", "-9.5", "10"], ("-9.5", "10")),
        (["b10", "a9", "b10"], ("a9", "b10")),
        ([True, False, True], ("false", "true")),
    ],
)
def test_classes_are_named_and_sorted(column: list[Any], classes: tuple[str, ...]) -> None:
    labels = read_labels(column, name="y", task="classification")
    assert labels.classes == classes
    np.testing.assert_array_equal(labels.values, [1, 0, 1])
    np.testing.assert_array_equal(labels.targets(np.array([0, 1])), [[0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("column", "task", "said"),
    [
        (["a", None], "classification", "1 of 2 rows have none, the first is row 1"),
        ([1.0, float("nan")], "regression", "1 of 2 rows have none"),
        (["a", "a"], "classification", "at least two classes"),
        ([0.5, 1.0], "classification", "Use `task` regression"),
        (["a", 1.0], "regression", "must hold numbers for regression: got 'a'"),
        ([2, 2], "regression", "numbers that differ"),
    ],
)
def test_labels_that_cannot_be_used_are_named(column: list[Any], task: Any, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read_labels(column, name="y", task=task)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seeds": 0}, "`seeds` must be at least 1"),
        ({"n_labeled": 1}, "`n_labeled` must be at least 2"),
        ({"teacher_alpha": 0.0}, "finite and above 0"),
        ({"student_alpha": "cv"}, "gcv or a number for ridge"),
        ({"level": 1.0}, "between 0 and 1"),
        ({"strategies": ()}, "at least one"),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(W2SConfig(), **change)


def test_json_has_no_nan_and_the_shape_of_the_design() -> None:
    teacher, _, labels = pair_of_views(500)
    splits = draw_splits(labels, seeds=range(2), n_labeled=60, n_unlabeled=200, n_test=150)
    result, _ = run_w2s(teacher, teacher, labels, splits=splits, config=W2SConfig(seeds=2))
    found = json.loads(result.to_json(), parse_constant=lambda text: pytest.fail(f"{text} in JSON"))
    assert list(found)[:10] == [
        "schema", "config", "class_counts", "fingerprint", "score", "level", "n_test", "seeds", "classes",
        "majority_rate",
    ]  # fmt: skip
    assert set(found["systems"]) == {"teacher", "baseline", "ceiling"}
    vanilla = found["students"]["vanilla"]
    assert {"accuracy", "brier", "log_loss", "ece", "gain", "pgr", "opr", "versus_baseline", "agreement"} <= set(
        vanilla
    )
    assert set(vanilla["gain"]) == {"value", "low", "high"}
    assert vanilla["pgr"].keys() == {"value", "low", "high", "resolved"}
    assert set(vanilla["error_imitation"]) == {"teacher_right", "teacher_wrong"}
    assert set(found["verdict"]) == {"call", "recommend", "advice"}
