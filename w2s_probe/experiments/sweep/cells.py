"""Scores of one cell of the grid, kept in memory or in one small file for each cell."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import ConfigError, DataError
from w2s_probe.core.files import is_folder, is_regular_file, read_member, reason
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.core.types import Float
from w2s_probe.core.writing import replacing
from w2s_probe.strategies import chosen_strategies


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
        *(Slot("student", name, w, s) for name in chosen_strategies(config.strategies) for w in weak for s in strong),
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
    skipped : array of uint8
        Return value of `text_bytes` for the reasons of strategies that do not apply here, by name. Their scores and
        strengths are NaN.
    """

    values: Float
    alpha: Float
    at_edge: NDArray[np.bool_]
    rows: NDArray[np.uint8] | Float
    sizes: NDArray[np.int64]
    skipped: NDArray[np.uint8]

    def reasons(self) -> dict[str, str]:
        """Return why strategies do not apply, by name."""
        return cast("dict[str, str]", json.loads(self.skipped.tobytes()))


FIELDS = ("values", "alpha", "at_edge", "rows", "sizes", "skipped")
State = tuple[int, int, int]  # inode, size and time of change of a file


def text_bytes(value: object) -> NDArray[np.uint8]:
    """Return a plain value as the bytes of its JSON text, with sorted keys."""
    return np.frombuffer(json.dumps(value, sort_keys=True).encode(), dtype=np.uint8)


class ForeignCellError(DataError):
    """A cell whose key is another one: of other features, other code, or another place in the grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused:
    """Files at the place of cells that hold something else; these cells are fitted again.

    Parameters
    ----------
    foreign : int
        Cells with another key, or without one, as versions before keys wrote them.
    damaged : int
        Files that cannot be read.
    """

    foreign: int
    damaged: int

    def note(self, folder: Path) -> str:
        """Return one sentence with the counts."""
        counts = {
            "of other features or from another version of w2s_probe or of a strategy": self.foreign,
            "damaged or unreadable": self.damaged,
        }
        which = " and ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        return f"{self.foreign + self.damaged:,} cells in {folder} were not used and are fitted again: {which}."


class CellStore:
    """Finished cells: one file each in `folder`, written atomically; in memory without a folder.

    `names` are the return values of `cell_name`. They do not depend on other values of the axes, so that a file is
    used again when an axis gets more values. The hash of its name names a file. The file holds the whole key: the name
    and the cell's entry in `origins`, which tells the code and the features behind its scores. A file is used only if
    its key is the same.
    """

    def __init__(self, folder: Path | None, names: Mapping[Place, str], origins: Mapping[Place, object]) -> None:
        self.folder = folder
        self.files = {place: hashlib.sha256(name.encode()).hexdigest()[:40] for place, name in names.items()}
        self.names, self.origins = names, origins
        self.in_memory: dict[Place, CellScores] = {}
        self._unused: dict[str, State] = {}  # files that hold something else

    def part(self, places: Collection[Place]) -> CellStore:
        """Return the store of some cells, in the same folder or memory."""
        names = {place: self.names[place] for place in places}
        origins = {place: self.origins[place] for place in places if place in self.origins}
        store = CellStore(self.folder, names, origins)
        store.in_memory = self.in_memory
        return store

    def check(self) -> Unused:
        """Read all finished cells once; those that cannot be used count as missing until they are saved again."""
        counts = {ForeignCellError: 0, DataError: 0}
        present = self._present()
        for place, name in self.files.items():
            if name not in present:
                continue
            try:
                self.read(place)
            except DataError as error:
                counts[type(error)] += 1
                self._unused[name] = present[name]
        return Unused(foreign=counts[ForeignCellError], damaged=counts[DataError])

    def missing(self) -> list[Place]:
        """Return the cells that are not finished."""
        if self.folder is None:
            return [place for place in self.files if place not in self.in_memory]
        present = self._present()
        return [
            place
            for place, name in self.files.items()
            if name not in present or self._unused.get(name) == present[name]
        ]

    def add(self, place: Place, cell: CellScores) -> None:
        """Save a finished cell; raise `ConfigError` if the folder cannot be written to."""
        if self.folder is None:
            self.in_memory[place] = cell
            return
        try:
            with replacing(self._path(place)) as handle:
                np.savez(handle, key=self._key(place), **{name: getattr(cell, name) for name in FIELDS})
        except OSError as error:
            msg = (
                f"finished cells need a folder to write to: {self.folder} gives {error.strerror or error}. "
                "Use another folder."
            )
            raise ConfigError(msg) from error

    def read(self, place: Place) -> CellScores:
        """Return a finished cell; raise `DataError` if its file is damaged, `ForeignCellError` if its key differs."""
        if self.folder is None:
            return self.in_memory[place]
        path = self._path(place)
        try:
            if not is_regular_file(path):
                msg = "it is no file"
                raise ValueError(msg)  # one message for all that cannot be read
            with zipfile.ZipFile(path) as archive:
                read = partial(read_member, path, archive, label=path.name)
                key = read("key").tobytes() if "key.npy" in archive.namelist() else b""
                own = key == self._key(place).tobytes()
                cell = CellScores(**{name: read(name) for name in FIELDS}) if own else None
        except Exception as error:  # readers raise many kinds of errors on damaged bytes
            msg = f"{path} must be an undamaged cell of a sweep: {reason(error)}. Sweep again, which fits it again."
            raise DataError(msg) from error
        if cell is None:
            msg = f"{path} must be a cell of this sweep: got one with another key. Sweep again, which fits it again."
            raise ForeignCellError(msg)
        return cell

    def _key(self, place: Place) -> NDArray[np.uint8]:
        """Return the bytes that a file must hold to be used for a cell."""
        return text_bytes({"cell": self.names[place], "origin": self.origins[place]})

    def _present(self) -> dict[str, State]:
        """Return the states of all cell files, by name without suffix."""
        if self.folder is None or not is_folder(self.folder):
            return {}
        try:
            with os.scandir(self.folder) as entries:
                files = [(entry.name[:-4], entry.stat()) for entry in entries if entry.name.endswith(".npz")]
        except OSError as error:
            msg = (
                f"finished cells must be readable: got {error.strerror or error} for {self.folder}. Use another folder."
            )
            raise ConfigError(msg) from error
        return {name: (stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in files}

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


def cell_name(place: Place, config: SweepConfig, *, question: str, features: tuple[str, ...]) -> str:
    """Return the text whose hash names a cell's file: all settings and data that its scores depend on.

    `question` is the fingerprint of labels, blocks and fixed parts; `features` are the fingerprints of all teachers, in
    their order, and of the student.
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
