"""The report of a spurious correlation: figures on numbers that are hard to draw, words, and broken results."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.theory.spurious.models import APART, SHARED, model_of
from w2s_probe.core.errors import DataError
from w2s_probe.report.render.markdown import page_markdown
from w2s_probe.report.theory_spurious.figures import fraction_figures, points_over
from w2s_probe.report.theory_spurious.page import spurious_page
from w2s_probe.report.theory_spurious.text import spurious_meaning, spurious_text
from w2s_probe.theory import Simulated, SpuriousModel, SpuriousOutput, risks_over_fractions
from w2s_probe.theory.spurious.output import FixedPoint, SpuriousSimulation
from w2s_probe.theory.spurious.summary import spurious_output

SIMULATION = SpuriousSimulation(trials=9, seed=0, core_dimension=40, n=800, N=800)
MEASURED = {"teacher": Simulated(value=0.2, se=0.01), "student": Simulated(value=0.1, se=0.01)}
PLAIN = model_of(SHARED, (0.2, 0.4, 0.3), law="mixture", gamma=0.05, nu=0.05)
HARD = {
    "plain": PLAIN,
    "no noise": replace(PLAIN, noise_variance=0.0),
    "no groups": replace(PLAIN, mu=np.zeros(6)),
    "large fractions": replace(PLAIN, eta_labeled=0.8, eta_unlabeled=1.0),
    "huge risks": replace(PLAIN, noise_variance=1e9),
    "far apart": replace(PLAIN, law="gaussian", mu=1e6 * PLAIN.mu),
}


def output_of(model: SpuriousModel) -> SpuriousOutput:
    return spurious_output(model, simulated=MEASURED, simulation=SIMULATION, curve=risks_over_fractions(model))


@pytest.mark.parametrize("case", HARD)
def test_figures_stay_inside_their_frame_and_reports_in_80_columns(case: str) -> None:
    output = output_of(HARD[case])
    figures = fraction_figures(output)
    assert len(figures) == 2
    for figure in figures:
        ET.fromstring(figure)  # noqa: S314  # ours
        assert "nan" not in figure
        places = [float(at) for pair in re.findall(r"(-?[\d.]+),(-?[\d.]+)(?=[L\")])", figure) for at in pair]
        assert min(places) >= -7
        assert max(places) <= 360
    assert max(map(len, spurious_text(output).splitlines())) <= 80
    assert "nan" not in page_markdown(spurious_page(output), {"numpy": "2"})
    read = SpuriousOutput.from_dict(json.loads(output.to_json()))
    assert read.to_json() == output.to_json()
    assert spurious_text(read) == spurious_text(output)


def test_a_figure_marks_where_each_form_is_least_and_what_was_simulated() -> None:
    output = output_of(PLAIN)
    pool, labeled = fraction_figures(output)
    assert pool.count('class="dot"') == 3 + 3  # in the legend, and on the lines
    assert pool.count('class="interval"') == 1
    assert labeled.count('class="interval"') == 2
    assert f"published least at {output.best['published'].eta_unlabeled:.3f}" in pool
    nowhere = fraction_figures(output_of(HARD["no groups"]))[0]
    assert nowhere.count('class="dot"') == 3
    assert "any fraction" in nowhere


def test_curves_go_through_the_fractions_asked_for_in_order() -> None:
    output = output_of(replace(PLAIN, eta_unlabeled=0.33))
    etas = [point.eta_unlabeled for point in points_over(output, "eta_unlabeled")]
    assert etas == sorted(etas)
    assert (len(etas), etas[0], etas[-1], 0.33 in etas) == (22, 0.0, 0.5, True)
    beyond = points_over(output_of(HARD["large fractions"]), "eta_unlabeled")
    assert beyond[-1].eta_unlabeled == 1.0
    assert len(beyond) == 21
    own = next(point for point in points_over(output, "eta_labeled") if point.eta_labeled == 0.2)
    assert own.fixed_point.student == pytest.approx(output.fixed_point.student, rel=1e-7)


def test_words_follow_the_numbers() -> None:
    output = spurious_output(PLAIN)
    assert (output.call, output.notes[0][:21]) == ("helps", "The published formula")
    worse = replace(output, fixed_point=FixedPoint(teacher=1.0, student=2.0, nodes=9, accuracy=0.1, converged=False))
    assert "has not converged: its relative error with 9 nodes is about 0.1" in worse.notes[-1]
    assert "times its teacher's" in spurious_meaning(output)[0]
    assert spurious_meaning(replace(worse, call="hurts"))[0].startswith(
        "Weak-to-strong hurts: the student's risk is 2 "
    )
    assert spurious_meaning(replace(output, call="unresolved"))[0].startswith("Weak-to-strong changes nothing")
    small = spurious_output(replace(PLAIN, gamma=1e-4, nu=1e-4))
    assert not small.notes
    there = spurious_output(replace(PLAIN, eta_labeled=0.3, eta_unlabeled=0.3))
    assert any("already have the minority fraction of the test rows" in said for said in spurious_meaning(there))
    assert [move.name for move in there.moves] == ["as given", "best pool"]
    best = spurious_output(replace(PLAIN, eta_unlabeled=output.best["fixed_point"].eta_unlabeled))
    assert any("less than half a percent larger" in said for said in spurious_meaning(best))


def test_a_student_in_its_teachers_space_changes_nothing() -> None:
    output = spurious_output(model_of(np.eye(6)[:, :3], (0.2, 0.2, 0.3), gamma=0.05, nu=0.05))
    assert output.call == "unresolved"
    assert math.isnan(output.best_eta_unlabeled)


BREAK = {
    "a fraction": ('"eta_unlabeled": 0.4', '"eta_unlabeled": 1.4', "fractions must lie between 0 and 1"),
    "a form": ('"general": {"eta', '"genera1": {"eta', "best must have published, general and fixed_point"),
    "a move": (
        '"name": "as given", "eta_labeled": 0.2',
        '"name": "as given", "eta_labeled": 0.3',
        "must have the fractions of config",
    ),
    "a system": ('"simulated": {"teacher"', '"simulated": {"teecher"', "simulated must have teacher and student"),
    "how": ('"simulation": {', '"simulatiom": {', "simulated and simulation must both be present or absent"),
    "a law": ('"law": "mixture"', '"law": "normal"', "one of gaussian, mixture"),
    "the curve": (
        '0.2, "eta_unlabeled": 0.4, "pub',
        '0.2, "eta_unlabeled": 0.41, "pub',
        "must include the fractions of",
    ),
    "gamma": ('"gamma": 0.05', '"gamma": 0', "gamma must be above 0"),
    "a number": ('"nu": 0.05', '"nu": "x"', "config.nu must be a number"),
    "the form": ('"schema": 2', '"schema": 3', "schema must be 1 or 2"),
}


def test_a_result_that_was_changed_is_refused() -> None:
    whole = output_of(PLAIN).to_json()
    for how, (old, new, said) in BREAK.items():
        assert old in whole, how
        with pytest.raises(DataError) as refused:
            SpuriousOutput.from_dict(json.loads(whole.replace(old, new)))
        assert said in str(refused.value), how


def test_the_apart_fixture_is_drawn_without_simulation() -> None:
    model = model_of(APART, (0.1, 0.1, 0.5))
    figures = fraction_figures(spurious_output(model, curve=risks_over_fractions(model)))
    assert all('class="interval"' not in figure for figure in figures)
    assert fraction_figures(spurious_output(model)) == []
