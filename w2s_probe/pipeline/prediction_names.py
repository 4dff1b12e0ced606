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
POINT_ZERO = re.compile(r"(?<=\d)\.0$")  # of a class that was a float
DENIALS = ("not", "non")  # words before a class that the name does not mean
GLUED = re.compile(rf"({'|'.join(OF_CLASS)})(\d+)")


def class_named(column: str, classes: Sequence[str]) -> tuple[str | None, bool]:
    """Return the class that a column is named after, and whether the name tells no other class.

    It is the class that the column is called or ends in, after an underscore or as words in any case: of two such
    classes the one with more words. Else it is the only one whose words occur among the column's. None without such a
    class, or if several occur. A number counts where it stands first or last, or after a word such as p.

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
    >>> class_named("p_not_spam", ["not spam", "spam"])
    ('not spam', True)
    """
    exact = [label for label in classes if column == label or column.endswith(f"_{label}")]
    words = {label: _words(label) for label in classes}
    usable = [label for label in classes if words[label] and list(words.values()).count(words[label]) == 1]
    own = _words(column if exact else POINT_ZERO.sub("", column))
    ends = [*exact, *(label for label in usable if own[-len(words[label]) :] == words[label])]
    among = [label for label in usable if _occurs(words[label], own, number=NUMBER.fullmatch(label) is not None)]
    among = [label for label in among if not any(_inside(words[label], words[other]) for other in among)]
    if ends:
        label = max(ends, key=lambda label: (len(words[label]), len(label)))
        return label, set(among) <= {label}
    return (among[0], True) if len(among) == 1 else (None, False)


def class_told(column: str, classes: Sequence[str], order: Sequence[str]) -> tuple[str | None, bool, bool]:
    """Return `class_named`, else `class_numbered`, and whether it is a number of the metadata.

    The name is not sure, the second value, where a number may be that of a model.

    Parameters
    ----------
    column : str
        Name of the column.
    classes : sequence of str
        Classes of the data.
    order : sequence of str
        Names of the classes in the order of their numbers in the metadata; empty without such names.

    Examples
    --------
    >>> class_told("p_0", ["neg", "pos"], ["pos", "neg"]), class_told("old_0", ["neg", "pos"], ["pos", "neg"])
    (('pos', True, True), (None, False, False))
    """
    label, sure = class_named(column, classes)
    numbered = class_numbered(column, classes, order)
    if label is None and numbered is not None:
        return numbered, True, True
    return label, sure and label is not None and not is_bare_number(column, label), False


def class_numbered(column: str, classes: Sequence[str], order: Sequence[str]) -> str | None:
    """Return the class whose number in the metadata stands after a word such as p in the name of a column; else None.

    Parameters
    ----------
    column : str
        Name of the column.
    classes, order : sequence of str
        As in `class_told`.
    """
    words = _words(column)
    numbers = [words[at + 1] for at in range(len(words) - 1) if words[at] in OF_CLASS and words[at + 1].isdecimal()]
    label = order[int(numbers[0])] if len(numbers) == 1 and int(numbers[0]) < len(order) else None
    return label if label in classes else None


def is_bare_number(column: str, label: str) -> bool:
    """Return whether a class that is a number stands in a name where the number of a model may stand.

    Parameters
    ----------
    column : str
        Name of the column.
    label : str
        The class that `class_named` returns for it.

    Examples
    --------
    >>> [is_bare_number(column, "0") for column in ("seed_0", "p_0", "0")]
    [True, False, False]
    """
    if NUMBER.fullmatch(label) is None or column.strip() == label:
        return False
    own, number = _words(POINT_ZERO.sub("", column)), _words(label)
    places = [at for at in range(1, len(own)) if own[at : at + len(number)] == number]
    return not any(own[at - 1] in OF_CLASS for at in places)


def is_denied(column: str, label: str) -> bool:
    """Return whether a class stands in a name only after the word not or non.

    Parameters
    ----------
    column : str
        Name of the column.
    label : str
        The class that `class_named` returns for it.

    Examples
    --------
    >>> is_denied("p_not_spam", "spam"), is_denied("p_not_spam", "not spam")
    (True, False)
    """
    own, words = _words(column), _words(label)
    places = [at for at in range(len(own)) if words and own[at : at + len(words)] == words]
    return bool(places) and all(at > 0 and own[at - 1] in DENIALS for at in places)


def columns_of_classes(
    columns: Sequence[str], classes: Sequence[str], order: Sequence[str] = ()
) -> tuple[dict[str, str], bool]:
    """Return the column of each class, by class, and whether numbers in the metadata tell the classes.

    Empty unless each class has exactly one and no column is left. Names of classes go before numbers.

    Parameters
    ----------
    columns : sequence of str
        Names of columns.
    classes, order : sequence of str
        As in `class_told`.
    """
    own = _one_each([class_named(column, classes)[0] for column in columns], columns, classes)
    by_number = {} if own else columns_by_number(columns, classes, order)
    return own or by_number, bool(by_number)


def columns_by_number(columns: Sequence[str], classes: Sequence[str], order: Sequence[str]) -> dict[str, str]:
    """Return the column of each class by its number in the metadata; empty unless each class has exactly one.

    Parameters
    ----------
    columns : sequence of str
        Names of columns.
    classes, order : sequence of str
        As in `class_told`.
    """
    return _one_each([class_numbered(column, classes, order) for column in columns], columns, classes)


def _one_each(told: Sequence[str | None], columns: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """Return the column of each class; empty unless each class has exactly one and no column is left."""
    by_class = {label: column for label, column in zip(told, columns, strict=True) if label is not None}
    whole = len(by_class) == len(columns) == len(classes)
    return {label: by_class[label] for label in classes} if whole else {}


def _words(text: str) -> tuple[str, ...]:
    """Return the words of a name, in which a word such as p and the number after it are two."""
    glued = ((GLUED.fullmatch(word), word) for word in WORD.findall(text.casefold()))
    return tuple(part for match, word in glued for part in (match.groups() if match else (word,)))


def _occurs(label: tuple[str, ...], column: tuple[str, ...], *, number: bool) -> bool:
    """Return whether the words of a class stand next to each other among those of a column."""
    places = [at for at in range(len(column)) if column[at : at + len(label)] == label]
    if not number:
        return bool(places)
    return any(at in (0, len(column) - len(label)) or column[at - 1] in OF_CLASS for at in places)


def _inside(label: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Return whether the words of a class are some of those of another class."""
    return len(label) < len(other) and any(other[at : at + len(label)] == label for at in range(len(other)))
