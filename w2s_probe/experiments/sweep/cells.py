"""What one cell found, in memory or in a small file of its own."""

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

from w2s_probe.core.config import Head, SweepConfig
from w2s_probe.core.errors import ConfigError, DataError
from w2s_probe.core.files import read_member, reason, replacing
from w2s_probe.core.types import Float


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a cell stands: positions on the axes, strengths and strategies left out, since a cell holds them all.

    Parameters
    ----------
    pair : tuple of int
        Teacher and student.
    head, n, N, seed : int
        Kind of head, sizes and seed.
    eta : tuple of int
        Fractions of conflicting rows of the labeled part and of the pool.
    """

    pair: tuple[int, int]
    head: int
    eta: tuple[int, int]
    n: int
    N: int
    seed: int


@dataclass(frozen=True, slots=True)
class Slot:
    """One fitted head of a cell; a strength it does not depend on is None.

    Parameters
    ----------
    system : str
        teacher, baseline, ceiling or student.
    strategy : str or None
        Of a student.
    weak, strong : int or None
        Positions of the teacher's and of the student's strength.
    """

    system: str
    strategy: str | None
    weak: int | None
    strong: int | None


def slots(config: SweepConfig) -> list[Slot]:
    """Return the heads of every cell, in the order in which cells hold them."""
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
        Each score on the test rows.
    alpha : array of shape (heads,)
        Strengths.
    at_edge : array of bool, shape (heads,)
        Whether a chosen strength is an end of its grid.
    rows : array of shape (heads, bytes) or (heads, m)
        Classification: whether each of the m test rows is decided rightly, as packed bits. Regression: what
        each row adds to the numerator of R².
    sizes : array of int, shape (2,)
        Labeled rows and rows of the pool.
    """

    values: Float
    alpha: Float
    at_edge: NDArray[np.bool_]
    rows: NDArray[np.uint8] | Float
    sizes: NDArray[np.int64]


FIELDS = ("values", "alpha", "at_edge", "rows", "sizes")


class CellStore:
    """Finished cells: one file each, written whole, or kept in memory if there is no folder.

    Parameters
    ----------
    folder : Path or None
        Where the files are.
    question : str
        Fingerprint of everything but the cell's place.
    named : callable
        From a place to what it stands for, so that a file is found again when an axis gets more values.
    """

    def __init__(self, folder: Path | None, names: dict[Place, str]) -> None:
        self.folder = folder
        self.files = {place: hashlib.sha256(name.encode()).hexdigest()[:40] for place, name in names.items()}
        self.held: dict[Place, CellScores] = {}

    def missing(self) -> list[Place]:
        """Return the cells that are not finished."""
        if self.folder is None:
            return [place for place in self.files if place not in self.held]
        there = {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else set()
        return [place for place, name in self.files.items() if f"{name}.npz" not in there]

    def add(self, place: Place, cell: CellScores) -> None:
        """Keep a finished cell.

        Raises
        ------
        ConfigError
            If the folder cannot be written to.
        """
        if self.folder is None:
            self.held[place] = cell
            return
        try:
            with replacing(self._path(place)) as path:
                np.savez(path, **{name: getattr(cell, name) for name in FIELDS})
        except OSError as error:
            msg = f"--out must be a folder to write to: {self.folder} said {error.strerror or error}. Choose another."
            raise ConfigError(msg) from error

    def read(self, place: Place) -> CellScores:
        """Return a finished cell.

        Raises
        ------
        DataError
            If its file does not hold what `add` wrote.
        """
        if self.folder is None:
            return self.held[place]
        path = self._path(place)
        try:
            with zipfile.ZipFile(path) as archive:
                read = partial(read_member, path, archive, label=path.name)
                return CellScores(**{name: read(name) for name in FIELDS})
        except Exception as error:  # on damaged bytes, readers raise whatever their innermost line does
            msg = f"{path} must be a cell as sweep wrote it: it cannot be read ({reason(error)}). Delete it, run again."
            raise DataError(msg) from error

    def _path(self, place: Place) -> Path:
        return cast("Path", self.folder) / f"{self.files[place]}.npz"


def places(config: SweepConfig, pairs: list[tuple[int, int]], *, sizes: tuple[int, int]) -> Iterator[Place]:
    """Yield every cell of the grid in the order of its rows in the table.

    Parameters
    ----------
    config : SweepConfig
        The axes.
    pairs : list of tuple of int
        Teachers and students.
    sizes : tuple of int
        How many n and N there are.
    """
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
    """Return what a cell's file is known by.

    Parameters
    ----------
    place : Place
        Where the cell stands.
    config : SweepConfig
        The axes.
    question : str
        Fingerprint of labels, blocks and fixed parts.
    features : tuple of str
        Fingerprints of the two backbones' specs.
    """
    own: dict[str, object] = {
        "n_labeled": config.n_labeled[place.n],
        "n_unlabeled": config.n_unlabeled[place.N],
        "seeds": config.seeds[place.seed],
        "head": _head(config, place),
        "eta_labeled": config.eta_labeled[place.eta[0]],
        "eta_unlabeled": config.eta_unlabeled[place.eta[1]],
    }
    shared = {name: value for name, value in config.to_dict().items() if name not in {*own, "level"}}
    return json.dumps([question, features, shared, own], sort_keys=True, default=str)


def _head(config: SweepConfig, place: Place) -> Head:
    return config.head[place.head]
