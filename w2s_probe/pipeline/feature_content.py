"""What feature files hold, whatever their format: features, ids, and which of them were chosen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import CacheError, DataError, W2SProbeError, listed
from w2s_probe.core.files import check_memory, reason
from w2s_probe.core.types import Features
from w2s_probe.datasets import Table
from w2s_probe.pipeline.feature_addresses import NUMBER, FeatureFiles
from w2s_probe.pipeline.feature_columns import described
from w2s_probe.results.read import FeaturesRead

if TYPE_CHECKING:
    import polars as pl

MOST_IN_MEMORY = 2**24  # bytes of features above which a temporary file holds them
TemporaryFile = Callable[[], AbstractContextManager[tuple[IO[bytes], Path]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one file holds beside its numbers.

    `dtype` is the file's type, and `dim` 0 where only the numbers tell it. `guessed` says that other columns or arrays
    could have been named, and `usual` that the columns are those that are read where none are named.
    """

    columns: tuple[str, ...]
    dtype: str
    dim: int = 0
    id_column: str | None = None
    left_out: tuple[str, ...] = ()
    guessed: bool = False
    usual: bool = True


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class FeatureFile:
    """Features of a file, or of shards as one: what was read, and what was left out.

    `files` are the files, and `facts` those of the first one, which are the same for all. `possible_ids` returns other
    columns of texts or whole numbers, as texts: all, or those with given names.
    """

    X: Features
    ids: list[str] | None
    files: FeatureFiles
    facts: Facts
    possible_ids: Callable[[Collection[str] | None], Iterator[pl.Series]] = lambda _: iter(())

    @property
    def name(self) -> str:
        """``features:`` with the file, folder or pattern, without other folders."""
        return self.files.name

    @property
    def guessed(self) -> bool:
        """Whether columns or an array were chosen without being named."""
        return self.facts.guessed

    @property
    def usual(self) -> bool:
        """Whether the columns or the array are those that are read where none are named."""
        return self.facts.usual

    def read(self, name: str, table: Table | None = None) -> FeaturesRead:
        """Return what was read for a table, if there is one; `name` is the name of the backbone."""
        return FeaturesRead(
            backbone=name,
            columns=self.facts.columns,
            dim=self.X.shape[1],
            dtype=self.facts.dtype,
            file=self.files.label,
            files=len(self.files.paths) if self.files.shards else None,
            matched_by="row" if self.ids is None else "id",
            unused=None if table is None else self._unused(table),
        )

    def _unused(self, table: Table) -> int | None:
        """Return the number of rows whose ids are those of no row of a table; None if there are none."""
        if self.ids is None or len(self.ids) == len(table):  # every row of the table has an id among these
            return None
        every = table.ids if table.all_ids is None else np.concatenate([table.ids, table.all_ids])
        return len(set(self.ids).difference(every.tolist())) or None

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on the columns, unless the file holds X or `features`, ids, and nothing else."""
        facts = self.facts
        if not facts.left_out and facts.columns in (("X",), ("features",)):
            return ()
        kind: Literal["column", "array"] = "column" if self.files.suffix == ".parquet" else "array"
        order = "rows in the file's order" if facts.id_column is None else f"rows by {facts.id_column}"
        count = f"{len(facts.left_out)} other {kind}{'s' * (len(facts.left_out) > 1)}"
        rest = f"; {count} left out: {listed(facts.left_out)}" if facts.left_out else ""
        what = described(facts.columns, kind)
        return (f"{self.name}: {what}, {self.X.shape[1]:,} dimensions, {self.X.dtype}, {order}{rest}.",)


@contextmanager
def readable(path: Path, name: str) -> Iterator[None]:
    """Turn whatever a reader raises into one line on its file."""
    try:
        yield
    except W2SProbeError:
        raise
    except Exception as error:  # on crafted bytes, readers raise whatever their innermost line does
        check_memory(error)
        msg = f"{name} must be a plain numeric {path.suffix} file: it cannot be read ({reason(error)}). Save it again."
        raise DataError(msg) from error


def gathered(blocks: Iterable[NDArray[Any]], temporary: TemporaryFile | None) -> Features:
    """Return blocks of rows as one matrix: in memory if it is small, else as a memory map of a temporary file.

    Parameters
    ----------
    blocks : iterable of array of shape (n_i, d)
        The rows, all in one type.
    temporary : callable or None
        Opens a temporary file. None keeps all rows in memory, and so does an error of the disk on opening it.
    """
    rest = iter(blocks)
    in_memory: list[NDArray[Any]] = []
    with ExitStack() as stack:
        for block in rest:
            in_memory.append(block)
            if temporary is None or sum(one.nbytes for one in in_memory) <= MOST_IN_MEMORY:
                continue
            try:
                handle, path = stack.enter_context(temporary())
            except CacheError:  # it may be read-only
                temporary = None
                continue
            return _mapped(chain(_emptied(in_memory), rest), handle, path)
    return np.concatenate(in_memory)


def _emptied(blocks: list[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    while blocks:
        yield blocks.pop(0)


def _mapped(blocks: Iterable[NDArray[Any]], handle: IO[bytes], path: Path) -> Features:
    rows = 0
    for block in blocks:
        handle.write(np.ascontiguousarray(block).data)
        rows, width, dtype = rows + len(block), block.shape[1], block.dtype
    handle.flush()
    return np.memmap(path, mode="r", dtype=dtype, shape=(rows, width))


def check_order(files: FeatureFiles, id_column: str | None) -> None:
    """Raise `DataError` for shards without ids whose names do not tell their order."""
    if id_column is None and not files.series:
        names = [path.name for path in files.paths]
        example = files.paths[0].with_name(NUMBER.sub("*", names[0]))
        msg = (
            f"{files.name} must mean one series of numbered files, or files with ids: the order of {listed(names)} is "
            f"not known. Name one series, as in features:{example}."
        )
        raise DataError(msg)


def check_alike(files: FeatureFiles, number: int, first: Facts, other: Facts) -> None:
    """Raise `DataError` if the file of a number does not fit to the first one: width, type, columns or ids differ."""
    kind = "columns" if files.suffix == ".parquet" else "array"
    pairs = {
        "{:,} dimensions": (first.dim, other.dim),
        "type {}": (first.dtype, other.dtype),
        kind + " {}": (first.columns, other.columns),
        "ids in {}": (first.id_column or "none", other.id_column or "none"),
    }
    for text, (mine, theirs) in pairs.items():
        if mine != theirs:
            got = [text.format(_shortened(one)) for one in (mine, theirs)]
            msg = (
                f"{files.name} must have shards that are alike: {files.paths[0].name} has {got[0]}, "
                f"{files.paths[number].name} has {got[1]}. Write all shards in the same way."
            )
            raise DataError(msg)


def _shortened(value: object) -> object:
    return listed(value) if isinstance(value, tuple) else value


def joined_ids(files: FeatureFiles, ids: Sequence[list[str] | None]) -> list[str] | None:
    """Return the ids of all files in their order, None if they have none; an id in two files is an error."""
    parts = [part for part in ids if part is not None]
    if len(parts) < 2:
        return parts[0] if parts else None
    joined = [name for part in parts for name in part]
    if len(set(joined)) < len(joined):
        raise _repeated_id(
            files, [(name, path) for path, part in zip(files.paths, parts, strict=True) for name in part]
        )
    return joined


def _repeated_id(files: FeatureFiles, places: Iterable[tuple[str, Path]]) -> DataError:
    """Return the error for ids of which one occurs twice, with the files of the first such id."""
    first: dict[str, Path] = {}
    for name, path in places:
        if name in first:
            break
        first[name] = path
    where = f"twice in {path.name}" if first[name] == path else f"in {first[name].name} and {path.name}"
    return DataError(f"{files.name} must have distinct ids: got {name!r:.60} {where}. Give every row its own id.")
