"""The reader of Parquet footers against an encoder of Thrift's compact protocol, and the memory a file promises."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.core.errors import DataError
from w2s_probe.datasets.parquet import BINARY, DOUBLE, LISTS, MAP, STRUCT, _Compact, promised_bytes
from w2s_probe.datasets.readers import read_frame

TRUE, FALSE, I64 = 1, 2, 6


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def encoded(thing: Any) -> tuple[int, bytes]:
    """Return the kind of a value and its bytes; dicts with field numbers are structures, tuples of pairs are maps."""
    match thing:
        case int():
            return I64, varint(2 * thing if thing >= 0 else -2 * thing - 1)
        case bytes():
            return BINARY, varint(len(thing)) + thing
        case float():
            return DOUBLE, struct.pack("<d", thing)
        case list():
            return LISTS[0], listed(thing)
        case tuple():
            pairs = [(encoded(key), encoded(value)) for key, value in thing]
            kinds = bytes([pairs[0][0][0] << 4 | pairs[0][1][0]]) if pairs else b""
            return MAP, varint(len(pairs)) + kinds + b"".join(key[1] + value[1] for key, value in pairs)
    return STRUCT, structure(thing)


def listed(things: list[Any]) -> bytes:
    booleans = all(isinstance(thing, bool) for thing in things) and bool(things)
    parts = [(TRUE, bytes([1 if thing else 2])) if booleans else encoded(thing) for thing in things]
    kind = parts[0][0] if parts else I64
    head = bytes([len(parts) << 4 | kind]) if len(parts) < 15 else bytes([0xF0 | kind]) + varint(len(parts))
    return head + b"".join(content for _, content in parts)


def structure(fields: dict[int, Any]) -> bytes:
    content, last = b"", 0
    for number, thing in fields.items():
        kind, body = (TRUE if thing else FALSE, b"") if isinstance(thing, bool) else encoded(thing)
        step = number - last
        content += bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + encoded(number)[1]
        content, last = content + body, number
    return content + b"\0"


integers = st.integers(-(2**62), 2**62)
numbers = st.lists(st.integers(1, 300), unique=True, max_size=6).map(sorted)


def structures(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[int, Any]]:
    return numbers.flatmap(lambda keys: st.tuples(*[values] * len(keys)).map(lambda v: dict(zip(keys, v, strict=True))))


plain = st.one_of(integers, st.binary(max_size=200), st.booleans())
lists = st.one_of(*(st.lists(kind, max_size=20) for kind in (integers, st.binary(max_size=9), st.booleans())))
leaves = st.one_of(plain, lists)
trees = structures(st.one_of(leaves, structures(leaves), st.lists(structures(plain), max_size=4)))


@given(trees)
def test_structures_come_back(tree: dict[int, Any]) -> None:
    reader = _Compact(structure(tree))
    found = reader.value(STRUCT)
    assert plainly(found) == plainly(tree)
    assert (reader.at, reader.depth) == (len(reader.data), 0)


def plainly(thing: Any) -> Any:
    """Return a value as it is read: booleans of a list are single bytes."""
    if isinstance(thing, dict):
        return {number: plainly(value) for number, value in thing.items()}
    if isinstance(thing, list):
        return [bytes([1 if value else 2]) if isinstance(value, bool) else plainly(value) for value in thing]
    return thing


def test_maps_doubles_and_single_bytes_come_back() -> None:
    assert _Compact(encoded(((1, b"a"), (2, b"b")))[1]).value(MAP) == [(1, b"a"), (2, b"b")]
    assert _Compact(encoded(())[1]).value(MAP) == []
    assert _Compact(struct.pack("<d", 0.5)).value(DOUBLE) == struct.pack("<d", 0.5)
    assert _Compact(b"\7").value(3) == b"\7"
    with pytest.raises(KeyError):
        _Compact(b"\7").value(13)  # no such kind


@given(trees.filter(bool))
def test_a_cut_structure_has_no_end(tree: dict[int, Any]) -> None:
    content = structure(tree)
    for end in range(len(content)):
        with pytest.raises(IndexError):
            _Compact(content[:end]).value(STRUCT)


@pytest.mark.parametrize("kind", ["structures", "lists"])
def test_32_levels_are_read_and_no_more(kind: str) -> None:
    def nested(levels: int) -> _Compact:
        thing: Any = {} if kind == "structures" else []
        for _ in range(levels - 1):
            thing = {1: thing} if kind == "structures" else [thing]
        return _Compact(encoded(thing)[1])

    first = STRUCT if kind == "structures" else LISTS[0]
    nested(32).value(first)
    with pytest.raises(IndexError):
        nested(33).value(first)


def test_a_number_of_more_than_ten_bytes_and_a_list_longer_than_the_footer_are_refused() -> None:
    assert _Compact(b"\xff" * 9 + b"\1").value(I64) == -(2**63)
    for content, kind in ((b"\xff" * 10 + b"\1", I64), (b"\xf3" + varint(4), LISTS[0])):
        with pytest.raises(IndexError):
            _Compact(content).value(kind)
    assert _Compact(b"\xf3" + varint(4) + b"abcd").value(LISTS[0]) == [b"a", b"b", b"c", b"d"]


@pytest.mark.parametrize("rows", [100, 1000])
@pytest.mark.parametrize("columns", [1, 3])
def test_a_file_promises_eight_bytes_a_value_or_the_bytes_of_its_pages(tmp_path: Path, rows: int, columns: int) -> None:
    flags = pl.DataFrame({f"c{i}": np.arange(rows) % 2 == 0 for i in range(columns)})
    flags.write_parquet(tmp_path / "t.parquet", row_group_size=300)
    assert promised_bytes(tmp_path / "t.parquet") == 8 * rows * columns  # a page of bits is smaller
    texts = pl.DataFrame({"text": [f"{i:09d}" * 50 for i in range(rows)]})
    texts.write_parquet(tmp_path / "u.parquet")
    assert 450 * rows < promised_bytes(tmp_path / "u.parquet") < 460 * rows + 500


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1PAR1", b"PAR1\x05\0\0\0PAR1", b"PAR1\0\0\0\0PARX"])
def test_a_file_without_a_footer_promises_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(ValueError, match="no Parquet footer"):
        promised_bytes(tmp_path / "t.parquet")


def test_a_footer_without_sizes_is_damaged(tmp_path: Path) -> None:
    footer = structure({4: [{1: [{3: {1: 0}}], 3: 5}]})  # a column chunk without a count of values
    (tmp_path / "t.parquet").write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(ValueError, match="footer is damaged"):
        promised_bytes(tmp_path / "t.parquet")


def test_a_damaged_page_is_refused_with_the_readers_own_reason(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"y": [f"{i * i}" for i in range(5000)]}).write_parquet(path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[200:400] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(DataError, match="it cannot be read") as caught:
        read_frame(path)
    assert "Command" not in str(caught.value)  # how the trial in another process ended
    assert "contradict" not in str(caught.value)
