"""Which class the name of a column of predictions tells."""

from __future__ import annotations

import re
from collections.abc import Sequence

from w2s_probe.core.labels import NUMBER

UNNAMED = re.compile(
    r"(column_|unnamed: ?)?\d+", re.IGNORECASE
)  # names that pandas and polars give to nameless columns
WORD = re.compile(r"[^\W_]+")
OF_CLASS = ("p", "prob", "proba", "probability", "class", "label")  # words before the number of a class


def class_named(column: str, classes: Sequence[str]) -> tuple[str | None, bool]:
    """Return the class that a column is named after, and whether the name tells no other class.

    It is the class that the column is called or ends in, after an underscore; else the only one whose words occur
    among the column's, in any case. None without such a class, or if several occur. A number counts where it stands
    first or last, or after a word such as p.

    Parameters
    ----------
    column : str
        Name of the column.
    classes : sequence of str
        Classes of the data.

    Examples
    --------
    >>> class_named("neg_prob", ["neg", "pos"]), class_named("prob", ["neg", "pos"])
    (('neg', True), (None, False))
    """
    exact = [label for label in classes if column == label or column.endswith(f"_{label}")]
    words = {label: _words(label) for label in classes}
    usable = [label for label in classes if words[label] and list(words.values()).count(words[label]) == 1]
    own = _words(column)
    ends = exact or [label for label in usable if own[-len(words[label]) :] == words[label]]
    among = [label for label in usable if _occurs(words[label], own, number=NUMBER.fullmatch(label) is not None)]
    among = [label for label in among if not any(_inside(words[label], words[other]) for other in among)]
    if ends:
        label = max(ends, key=len)
        return label, set(among) <= {label}
    return (among[0], True) if len(among) == 1 else (None, False)


def columns_of_classes(columns: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """Return the column of each class, by class; empty unless each class has exactly one and no column is left.

    Parameters
    ----------
    columns : sequence of str
        Names of columns.
    classes : sequence of str
        Classes of the data.
    """
    found: dict[str, str] = {}
    for column in columns:
        label, _ = class_named(column, classes)
        if label is None or label in found:
            return {}
        found[label] = column
    return {label: found[label] for label in classes} if len(found) == len(classes) else {}


def _words(text: str) -> tuple[str, ...]:
    return tuple(WORD.findall(text.casefold()))


def _occurs(label: tuple[str, ...], column: tuple[str, ...], *, number: bool) -> bool:
    """Return whether the words of a class stand next to each other among those of a column."""
    places = [at for at in range(len(column)) if column[at : at + len(label)] == label]
    if not number:
        return bool(places)
    return any(at in (0, len(column) - len(label)) or column[at - 1] in OF_CLASS for at in places)


def _inside(label: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Return whether the words of a class are some of those of another class."""
    return len(label) < len(other) and any(other[at : at + len(label)] == label for at in range(len(other)))
