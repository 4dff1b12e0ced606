"""Write the demo's output into the pages that show it: ``python -m docs.demo_output FILE``, output in FILE.

A page shows it in the code block below a comment that begins with ``<!-- demo output``: docs/reading.md the whole
output, README.md without the lines that `LEFT_OUT` matches.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["PAGES", "block_of", "shortened", "whole", "with_output"]

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- demo output[^\n]*\n```\n)(.*?)(```\n)", flags=re.DOTALL)
PROGRESS = re.compile(r"^(?:packaged:\S+ encoded|wrote) .*\n", flags=re.MULTILINE)
# rows at the end of the second table, and the learning curve below it
LEFT_OUT = re.compile(r"(?:^(?:OPR|agreement) .*\n)+(?:\n +n +N .*\n(?:.+\n)+)?", flags=re.MULTILINE)


def whole(printed: str) -> str:
    """Return the output without its lines about progress and files.

    Parameters
    ----------
    printed : str
        What ``w2s-probe demo`` printed.
    """
    return PROGRESS.sub("", printed)


def shortened(printed: str) -> str:
    """Return the output as README shows it, with an ellipsis for the lines left out.

    Parameters
    ----------
    printed : str
        What ``w2s-probe demo`` printed.
    """
    return LEFT_OUT.sub("…\n", whole(printed))


def block_of(page: str) -> str:
    """Return the output that a page shows.

    Parameters
    ----------
    page : str
        Markdown with the comment and the code block.
    """
    block = BLOCK.search(page)
    return block[2] if block else ""


def with_output(page: str, output: str) -> str:
    """Return a page that shows this output.

    Parameters
    ----------
    page : str
        Markdown with the comment and the code block.
    output : str
        Lines, the last one too with its end.
    """
    return BLOCK.sub(lambda block: block[1] + output + block[3], page, count=1)


PAGES: dict[Path, Callable[[str], str]] = {ROOT / "README.md": shortened, ROOT / "docs" / "reading.md": whole}

if __name__ == "__main__":
    output = Path(sys.argv[1]).read_text(encoding="utf-8")
    for path, version in PAGES.items():
        path.write_text(with_output(path.read_text(encoding="utf-8"), version(output)), encoding="utf-8")
