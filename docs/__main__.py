"""Write the command-line reference, pages with measurements, and schemas; remove schemas of verbs that are gone."""

from __future__ import annotations

import json
from pathlib import Path

from docs.reference import reference
from docs.schemas import schema_files
from docs.strategies import NUMBERS, strategies_page
from docs.traces import NUMBERS as TRACES
from docs.traces import traces_page

HERE = Path(__file__).parent


def generated() -> dict[Path, str]:
    """Return the text of every generated file, by its path."""
    schemas = {HERE / "schemas" / name: text for name, text in schema_files().items()}
    strategies = strategies_page(json.loads(NUMBERS.read_text(encoding="utf-8")))
    traces = traces_page(json.loads(TRACES.read_text(encoding="utf-8")))
    pages = {HERE / "cli.md": reference(), HERE / "strategies.md": strategies, HERE / "traces.md": traces}
    return {**pages, **schemas}


if __name__ == "__main__":
    files = generated()
    for path in set((HERE / "schemas").glob("*.json")) - set(files):
        path.unlink()
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
