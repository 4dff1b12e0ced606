"""What is written from the code says what the code says."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import click
import pytest

from docs.__main__ import HERE, generated
from docs.demo_output import block_of, shortened, whole, with_output
from docs.figure import FIGURE
from docs.reference import verbs
from docs.schemas import OUTPUTS
from w2s_probe import report

FILES = generated()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_committed_file_is_what_make_docs_writes(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == FILES[path], "run: make docs"


def test_no_schema_is_left_of_a_verb_that_is_gone() -> None:
    assert set((HERE / "schemas").glob("*.json")) == {path for path in FILES if path.suffix == ".json"}


def test_every_verb_that_prints_json_has_a_schema() -> None:
    assert {name for name, verb in verbs() if any("--json" in option.opts for option in verb.params)} == set(OUTPUTS)


def test_the_reference_names_every_verb_flag_and_default() -> None:
    page = FILES[HERE / "cli.md"]
    for name, verb in verbs():
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for option in verb.params:
            if isinstance(option, click.Option):
                row = next(line for line in section.splitlines() if f"`{option.opts[-1]}`" in line)
                shown = option.default[0] if isinstance(option.default, tuple) else option.default
                assert option.show_default is not True or f"`{shown}`" in row


def test_the_figure_shows_the_numbers_of_the_readme_in_the_colors_of_the_report() -> None:
    drawn = FIGURE.read_text(encoding="utf-8")
    readme = (HERE.parent / "README.md").read_text(encoding="utf-8")
    for system in ("teacher", "student", "baseline", "ceiling"):
        row = re.search(rf"^{system} .*?(\d\.\d+ \[.+?\])", readme, flags=re.MULTILINE)
        assert row is not None
        assert f"{system} {row[1]}" in drawn
    assert files(report).joinpath("templates/figures.css").read_text(encoding="utf-8") in drawn


PRINTED = """\
packaged:weak: encoded 0 rows, 10 from the cache, 2 dimensions
data: packaged:weak -> packaged:strong

gain       +0.050
PGR        0.418
OPR        0.881
agreement  0.721
agreement  0.824

  n    N  teacher
─────────────────
 50  100    0.583

Weak-to-strong helps.
wrote out/demo/result.json
"""
SHORT = """\
data: packaged:weak -> packaged:strong

gain       +0.050
PGR        0.418
…

Weak-to-strong helps.
"""


def test_readme_shows_the_output_without_progress_and_with_an_ellipsis_for_the_lines_left_out() -> None:
    page = "before\n<!-- demo output: a comment -->\n```\nold\n```\nafter\n"
    shown = with_output(page, shortened(PRINTED))
    assert block_of(shown) == SHORT
    assert shown.startswith("before\n")
    assert shown.endswith("```\nafter\n")
    assert block_of(with_output(page, whole(PRINTED))).splitlines() == PRINTED.splitlines()[1:-1]
