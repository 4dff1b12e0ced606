"""Suspects: a planted minority is found, and nothing but the labeled rows' labels is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.conftest import feature_set
from tests.unit.experiments.suspects.planted import Planted, planted
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import ConfigError, ShapeError, SplitError
from w2s_probe.core.fit_options import Head
from w2s_probe.core.labels import Labels
from w2s_probe.core.serialize import from_plain, plain, to_json
from w2s_probe.experiments.run.protocol import fit_seed
from w2s_probe.experiments.suspects import RankedPool, find_suspects, judge_suspects
from w2s_probe.results.suspects import Suspects, SuspectsConfig

HEADS: list[Head] = ["ridge", "softmax"]


def find(data: Planted, head: Head = "ridge", **asked: Any) -> tuple[Suspects, RankedPool]:
    config = W2SConfig(head=head)
    return find_suspects(
        data.teacher, data.student, data.labels, split=data.split, config=config, suspects=SuspectsConfig(**asked)
    )


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("classes", [2, 3])
def test_a_planted_minority_is_found(head: Head, classes: int) -> None:
    data = planted(classes=classes)
    found, ranked = find(data, head)
    wrong = ranked.student != data.labels.values[data.split.unlabeled]
    judged = judge_suspects(ranked, minority=data.minority, wrong=wrong)
    assert found.resolved
    assert judged.rows > 3
    assert judged.auc > 0.75
    assert judged.suspected_error > 2 * judged.pool_error
    assert found.suspected_error > found.pool_error


def test_rows_that_are_no_minority_are_found_as_often_as_elsewhere() -> None:
    data = planted(N=4000)
    _, ranked = find(data)
    nobody = np.random.default_rng(0).permutation(data.minority)
    judged = judge_suspects(ranked, minority=nobody, wrong=nobody)
    assert judged.rows == pytest.approx(1, abs=0.4)  # four standard errors of 400 rows, a fifth of them marked
    assert judged.clusters == pytest.approx(1, abs=0.4)
    assert judged.auc == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("head", HEADS)
def test_noise_in_all_but_the_labeled_rows_labels_changes_no_byte(head: Head) -> None:
    data = planted()
    noise = np.random.default_rng(1).integers(2, size=len(data.labels))
    noise[data.split.labeled] = data.labels.values[data.split.labeled]
    other = replace(data, labels=replace(data.labels, values=noise))
    assert (noise != data.labels.values).any()
    (found, ranked), (again, beside) = find(data, head), find(other, head)
    assert to_json(found) == to_json(again)
    for one, two in zip(arrays(ranked), arrays(beside), strict=True):
        assert one.tobytes() == two.tobytes()


def arrays(ranked: RankedPool) -> list[Any]:
    clusters = (ranked.suspect_clusters, ranked.pool_clusters)
    of_rows = (ranked.rows, ranked.error, ranked.teacher, ranked.student, ranked.suspects)
    return [*of_rows, *(array for each in clusters for array in (each.number, each.distance))]


@pytest.mark.parametrize("head", HEADS)
def test_the_pool_is_decided_on_as_in_a_run(head: Head) -> None:
    data = planted()
    _, ranked = find(data, head)
    config = W2SConfig(head=head)
    run = fit_seed(data.teacher, data.student, data.labels, split=data.split, config=config)
    pool = data.split.unlabeled
    np.testing.assert_array_equal(ranked.teacher, run.heads["teacher"].scores(data.teacher.X[pool]).argmax(axis=1))
    student = run.students["vanilla"].head
    np.testing.assert_array_equal(ranked.student, student.scores(data.student.X[pool]).argmax(axis=1))


@pytest.mark.parametrize("head", HEADS)
def test_errors_are_those_of_a_student_that_did_not_see_the_label(head: Head) -> None:
    data = planted(n=60, N=200)
    rng = np.random.default_rng(2)
    noise = Labels(values=rng.integers(2, size=len(data.labels)), classes=("a", "b"))
    wide = feature_set(
        rng.standard_normal((len(noise), 90))
    )  # more features than labels: these can be learned by heart
    found, _ = find(replace(data, teacher=wide, student=wide, labels=noise), head)
    assert found.labeled_error == pytest.approx(0.5, abs=0.26)  # four standard errors


def test_clusters_describe_the_rows_they_hold() -> None:
    data = planted()
    found, ranked = find(data, clusters=3, pool_clusters=5, examples=2, fraction=0.2)
    assert (found.N, found.suspected, len(found.clusters), len(found.pool_clusters)) == (1000, 200, 3, 5)
    assert sorted(ranked.error, reverse=True)[:200] == ranked.error[ranked.suspects].tolist()
    for clusters, members in ((found.clusters, ranked.suspects), (found.pool_clusters, np.arange(1000))):
        number = (ranked.suspect_clusters if clusters is found.clusters else ranked.pool_clusters).number
        assert [one.error for one in clusters] == sorted((one.error for one in clusters), reverse=True)
        for k, cluster in enumerate(clusters):
            own = members[number == k]
            X = data.student.X[ranked.rows[own]]
            nearest = own[np.argsort(((X - X.mean(axis=0)) ** 2).sum(axis=1))]
            assert cluster.size == len(own)
            assert cluster.error == pytest.approx(ranked.error[own].mean())
            assert cluster.disagreement == (ranked.teacher[own] != ranked.student[own]).mean()
            assert cluster.pseudolabels == {"a": (ranked.teacher[own] == 0).mean(), "b": ranked.teacher[own].mean()}
            assert cluster.decisions == {"a": (ranked.student[own] == 0).mean(), "b": ranked.student[own].mean()}
            assert [example.row for example in cluster.examples] == ranked.rows[nearest[:2]].tolist()
            first = cluster.examples[0]
            assert first.id == data.student.ids[first.row]
            assert first.error == ranked.error[nearest[0]]
            assert (first.pseudolabel, first.decision) == (
                "ab"[ranked.teacher[nearest[0]]],
                "ab"[ranked.student[nearest[0]]],
            )


def test_it_is_written_as_json_and_read_back() -> None:
    found, _ = find(planted())
    assert plain(from_plain(Suspects, plain(found))) == plain(found)
    assert len(to_json(found)) < 10_000  # no row of the pool but the examples


@pytest.mark.parametrize(("flipped", "word"), [(False, "none"), (True, "all")])
def test_where_all_or_no_labeled_rows_are_wrong_there_is_no_ranking(flipped: bool, word: str) -> None:
    # leaving out one of two rows leaves one class, to which the other row does not belong
    data = planted(n=2, N=40) if flipped else planted(n=60, N=40)
    truth = data.labels.values
    truth[:2] = [0, 1]
    easy = feature_set(np.eye(2)[truth] * 100 + np.random.default_rng(0).standard_normal((len(truth), 2)))
    found, ranked = find(replace(data, teacher=easy, student=easy))
    assert (found.resolved, found.suspected, found.clusters, found.pool_clusters) == (False, 0, (), ())
    assert len(found.notes) == 1
    assert f"errs on {word} of the" in found.notes[0]
    assert found.labeled_error == float(flipped)
    assert np.isnan([*ranked.error, found.pool_error, found.suspected_error, found.student_margin]).all()
    judged = judge_suspects(ranked, minority=data.minority, wrong=data.minority)
    assert np.isnan([judged.rows, judged.clusters, judged.oracle_clusters, judged.auc, judged.suspected_error]).all()


def test_few_errors_are_said() -> None:
    assert "errs on only 7 of the 150" in find(planted())[0].notes[0]
    assert find(planted(n=600))[0].notes == ()


def test_what_cannot_be_searched_is_refused() -> None:
    data = planted()
    numbers = Labels(values=np.linspace(0, 1, len(data.labels)), classes=None)
    with pytest.raises(ConfigError, match="suspects need classes: got `task` regression"):
        find(replace(data, labels=numbers))
    with pytest.raises(ShapeError, match="must have one row for each row of the data"):
        find(replace(data, student=feature_set(np.ones((3, 2)))))
    data.labels.values[data.split.labeled] = 1
    with pytest.raises(SplitError, match="at least two different labels"):
        find(data)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"fraction": 0.0}, "fraction must be above 0"),
        ({"fraction": float("nan")}, "fraction must be above 0"),
        ({"clusters": 0}, "clusters must be at least 1: got 0"),
        ({"words": -1}, "words must be at least 1: got -1"),
    ],
)
def test_impossible_settings_are_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SuspectsConfig(**asked)
