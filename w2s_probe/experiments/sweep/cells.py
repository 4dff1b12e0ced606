"""Scores of one cell of the grid, kept in memory or in one small file for each cell."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.config import SweepConfig
from w2s_probe.core.errors import ConfigError, DataError
from w2s_probe.core.files import read_member, reason
from w2s_probe.core.types import Float
from w2s_probe.core.writing import replacing


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Positions of a cell on the axes; strengths and strategies have none, since a cell holds all of them.

    Parameters
    ----------
    pair : tuple of int
        Teacher and student.
    head, n, N, seed : int
        Kind of head, sizes and seed.
    eta : tuple of int
        Fractions of conflicting rows among the labeled rows and in the pool.
    """

    pair: tuple[int, int]
    head: int
    eta: tuple[int, int]
    n: int
    N: int
    seed: int


@dataclass(frozen=True, slots=True)
class Slot:
    """One fitted head of a cell; a strength that it does not depend on is None.

    Parameters
    ----------
    system : str
        teacher, baseline, ceiling or student.
    strategy : str or None
        Strategy of a student.
    weak, strong : int or None
        Positions of the teacher's strength and of the student's strength.
    """

    system: str
    strategy: str | None
    weak: int | None
    strong: int | None


def slots(config: SweepConfig) -> list[Slot]:
    """Return the heads of a cell, in the order of the rows of `CellScores`."""
    weak, strong = range(len(config.teacher_alpha)), range(len(config.student_alpha))
    return [
        *(Slot("teacher", None, w, None) for w in weak),
        *(Slot(system, None, None, s) for system in ("baseline", "ceiling") for s in strong),
        *(Slot("student", name, w, s) for name in config.strategies for w in weak for s in strong),
    ]


@dataclass(frozen=True, eq=False, kw_only=True)
class CellScores:
    """Scores of every head of a cell, in the order of `slots`.

    Parameters
    ----------
    values : array of shape (heads, metrics)
        Scores on the test rows.
    alpha : array of shape (heads,)
        Strengths.
    at_edge : array of bool, shape (heads,)
        Whether a chosen strength is an end of its grid.
    rows : array of shape (heads, bytes) or (heads, m)
        Classification: whether each of the m test rows is decided correctly, as packed bits. Regression: the
        numerator of R², row by row.
    sizes : array of int, shape (2,)
        Labeled rows, and rows of the pool.
    """

    values: Float
    alpha: Float
    at_edge: NDArray[np.bool_]
    rows: NDArray[np.uint8] | Float
    sizes: NDArray[np.int64]


FIELDS = ("values", "alpha", "at_edge", "rows", "sizes")


class CellStore:
    """Finished cells: one file each in `folder`, written atomically; in memory without a folder.

    `names` are the return values of `cell_name`. They do not depend on other values of the axes, so that a file is
    used again when an axis gets more values.
    """

    def __init__(self, folder: Path | None, names: dict[Place, str]) -> None:
        self.folder = folder
        self.files = {place: hashlib.sha256(name.encode()).hexdigest()[:40] for place, name in names.items()}
        self.in_memory: dict[Place, CellScores] = {}

    def missing(self) -> list[Place]:
        """Return the cells that are not finished."""
        if self.folder is None:
            return [place for place in self.files if place not in self.in_memory]
        present = {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else set()
        return [place for place, name in self.files.items() if f"{name}.npz" not in present]

    def add(self, place: Place, cell: CellScores) -> None:
        """Save a finished cell; raise `ConfigError` if the folder cannot be written to."""
        if self.folder is None:
            self.in_memory[place] = cell
            return
        try:
            with replacing(self._path(place)) as handle:
                np.savez(handle, **{name: getattr(cell, name) for name in FIELDS})
        except OSError as error:
            msg = (
                f"finished cells need a folder to write to: {self.folder} gives {error.strerror or error}. "
                "Use another folder."
            )
            raise ConfigError(msg) from error

    def read(self, place: Place) -> CellScores:
        """Return a finished cell; raise `DataError` if its file is damaged."""
        if self.folder is None:
            return self.in_memory[place]
        path = self._path(place)
        try:
            with zipfile.ZipFile(path) as archive:
                read = partial(read_member, path, archive, label=path.name)
                return CellScores(**{name: read(name) for name in FIELDS})
        except Exception as error:  # readers raise many kinds of errors on damaged bytes
            msg = f"{path} must be an undamaged cell of a sweep: {reason(error)}. Delete this file and sweep again."
            raise DataError(msg) from error

    def _path(self, place: Place) -> Path:
        return cast("Path", self.folder) / f"{self.files[place]}.npz"


def places(config: SweepConfig, pairs: list[tuple[int, int]], *, sizes: tuple[int, int]) -> Iterator[Place]:
    """Yield every cell of the grid in the order of the table; `sizes` are the numbers of n and of N."""
    for pair in pairs:
        for head, weak, strong, n, N, seed in product(
            range(len(config.head)),
            range(len(config.eta_labeled)),
            range(len(config.eta_unlabeled)),
            range(sizes[0]),
            range(sizes[1]),
            range(len(config.seeds)),
        ):
            yield Place(pair=pair, head=head, eta=(weak, strong), n=n, N=N, seed=seed)


def cell_name(place: Place, config: SweepConfig, *, question: str, features: tuple[str, str]) -> str:
    """Return the text whose hash names a cell's file: all settings and data that its scores depend on.

    `question` is the fingerprint of labels, blocks and fixed parts; `features` are the fingerprints of both backbones.
    """
    own: dict[str, object] = {
        "n_labeled": config.n_labeled[place.n],
        "n_unlabeled": config.n_unlabeled[place.N],
        "seeds": config.seeds[place.seed],
        "head": config.head[place.head],
        "eta_labeled": config.eta_labeled[place.eta[0]],
        "eta_unlabeled": config.eta_unlabeled[place.eta[1]],
    }
    shared = {name: value for name, value in config.to_dict().items() if name not in {*own, "level"}}
    return json.dumps([question, features, shared, own], sort_keys=True, default=str)
