"""Write the command-line reference and the JSON Schemas, and remove schemas of verbs that are gone."""

from __future__ import annotations

from pathlib import Path

from docs.reference import reference
from docs.schemas import schema_files

HERE = Path(__file__).parent


def generated() -> dict[Path, str]:
    """Return the text of every generated file, by its path."""
    schemas = {HERE / "schemas" / name: text for name, text in schema_files().items()}
    return {HERE / "cli.md": reference(), **schemas}


if __name__ == "__main__":
    files = generated()
    for path in set((HERE / "schemas").glob("*.json")) - set(files):
        path.unlink()
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
