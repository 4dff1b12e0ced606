"""The tables of docs/finetune.md are those that docs/fidelity-finetune.json gives."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from tests.fidelity.finetune import CELLS, NUMBERS, registered, report

PAGE = Path(__file__).parents[2] / "docs" / "finetune.md"


def test_the_page_has_the_tables_of_its_numbers() -> None:
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in report(numbers["cells"]) if line not in page] == []


def test_the_numbers_are_of_registered_cells_in_their_order() -> None:
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8"))
    sizes, cells = registered(CELLS.read_text(encoding="utf-8"))
    measured = [numbers["cell"] for numbers in numbers["cells"]]
    assert numbers["sizes"] == sizes
    assert measured == [asdict(cell) for cell in cells if asdict(cell) in measured]
