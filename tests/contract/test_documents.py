"""Links of the documents resolve, README fits one screen, and shown code imports public names only."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
NAMES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "w2s_probe/README.md")
DOCUMENTS = [*(ROOT / name for name in NAMES), *sorted((ROOT / "docs").glob("*.md"))]
PUBLIC = ("w2s_probe", "w2s_probe.strategies", "w2s_probe.backbones")
MOST_BYTES = 9 * 1024  # of README: one screen and a scroll
PYTHON = re.compile(r"```python\n(.*?)```", flags=re.DOTALL)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tokens_of(path: Path) -> Iterator[Token]:
    """Yield all tokens of a Markdown file, those inside paragraphs and tables too."""
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(path.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def links_of(path: Path) -> list[str]:
    """Return targets of links and images that lie inside the repository."""
    targets = [str(token.attrs.get("href") or token.attrs.get("src") or "") for token in tokens_of(path)]
    return [target for target in targets if target and not re.match(r"[a-z]+:", target)]


def anchors_of(path: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    tokens = list(tokens_of(path))
    titles = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(path: Path) -> None:
    broken = []
    for link in links_of(path):
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert broken == []


def test_there_are_links_to_check() -> None:
    readme = links_of(ROOT / "README.md")
    assert {"docs/demo.svg", "docs/reading.md", "CONTRIBUTING.md"} <= set(readme)
    assert "what-run-prints" in anchors_of(ROOT / "docs/reading.md")


def test_every_page_is_linked_from_the_index_and_from_readme() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages <= set(links_of(ROOT / "docs/README.md"))
    assert {f"docs/{page}" for page in pages} <= set(links_of(ROOT / "README.md"))


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= MOST_BYTES


def shown_code() -> Iterator[tuple[str, str]]:
    """Yield the place and the text of every Python block and every example."""
    for path in DOCUMENTS:
        for number, block in enumerate(PYTHON.findall(path.read_text(encoding="utf-8"))):
            yield f"{relative(path)} block {number}", block
    for path in sorted((ROOT / "examples").glob("*.py")):
        yield relative(path), path.read_text(encoding="utf-8")


@pytest.mark.parametrize("code", [pytest.param(code, id=place) for place, code in shown_code()])
def test_shown_code_imports_public_names_only(code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            assert [name.name for name in node.names if name.name.startswith("w2s_probe.")] == []
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "w2s_probe":
            assert node.module in PUBLIC
            exported = importlib.import_module(str(node.module)).__all__
            assert [name.name for name in node.names if name.name not in exported] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_every_target_of_make_and_every_extra_of_pip_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    targets = re.findall(r"^make ([\w-]+)|`make ([\w-]+)`", text, flags=re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in (first or second for first, second in targets):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"pip install -e '\.\[([\w,-]+)\]'", text):
        assert set(extras.split(",")) <= set(project["optional-dependencies"])
