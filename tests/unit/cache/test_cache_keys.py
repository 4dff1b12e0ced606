"""Digests of items and names of shards depend on content, on all of it, and on nothing else."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import fields, replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.cache import item_digests, label_digests, shard_name
from w2s_probe.cache.keys import find
from w2s_probe.core.features import EmbeddingSpec

SPEC = EmbeddingSpec(backbone="test:one", revision="sha256:00")
FIELDS = [field.name for field in fields(EmbeddingSpec)]

surrogates_too = st.text(st.characters(codec=None))


def texts_whose_digest_ends_in(ending: bytes, *, wanted: int) -> list[str]:
    """Return texts found by trying, since nobody can choose a SHA-256."""
    found = (
        str(number) for number in itertools.count() if sha256(b"text\0" + str(number).encode())[:16].endswith(ending)
    )
    return list(itertools.islice(found, wanted))


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@given(texts=st.lists(surrogates_too, min_size=1, max_size=5))
def test_a_text_has_the_leading_half_of_its_sha256_for_a_digest(texts: list[str]) -> None:
    expected = b"".join(sha256(b"text\0" + text.encode("utf-8", "surrogatepass"))[:16] for text in texts)
    assert item_digests(texts).tobytes() == expected


@given(left=surrogates_too, right=surrogates_too)
def test_two_texts_share_a_digest_only_if_they_are_equal(left: str, right: str) -> None:
    first, second = item_digests([left, right])
    assert (first == second) == (left == right)


@given(content=st.binary(min_size=1, max_size=32))
def test_an_image_is_never_taken_for_the_text_of_its_bytes(content: bytes) -> None:
    pixels = np.frombuffer(content, dtype=np.uint8).reshape(1, 1, -1)
    header = f"image {pixels.dtype.str} {pixels.shape[1:]}\0"
    texts = [content.decode("latin-1"), header + content.decode("latin-1")]
    assert not np.isin(item_digests(pixels), item_digests(texts)).any()


@pytest.mark.parametrize(
    "other",
    [
        np.zeros((1, 2, 8), dtype=np.uint8),
        np.zeros((1, 4, 4, 1), dtype=np.uint8),
        np.zeros((1, 4, 4), dtype=np.int8),
        np.zeros((1, 2, 2), dtype=np.float32),
    ],
    ids=["shape", "channels", "sign", "type"],
)
def test_images_of_the_same_bytes_differ_by_type_and_shape(other: np.ndarray[Any, Any]) -> None:
    image = np.zeros((1, 4, 4), dtype=np.uint8)
    assert image.tobytes() == other.tobytes()
    assert item_digests(image)[0] != item_digests(other)[0]


def test_the_digest_of_an_image_does_not_depend_on_how_it_lies_in_memory() -> None:
    images = np.random.default_rng(0).integers(0, 256, size=(3, 4, 5), dtype=np.uint8)
    turned = np.asfortranarray(images)
    padded = np.zeros((3, 8, 5), dtype=np.uint8)
    padded[:, ::2] = images
    np.testing.assert_array_equal(item_digests(turned), item_digests(images))
    np.testing.assert_array_equal(item_digests(padded[:, ::2]), item_digests(images))


def test_no_items_have_no_digests() -> None:
    assert item_digests([]).shape == (0,)
    assert item_digests(np.zeros((0, 2, 2))).shape == (0,)


@pytest.mark.parametrize("ending", [b"\0", b"\0\0"])
def test_a_digest_that_ends_in_zeros_keeps_all_its_bytes(ending: bytes) -> None:
    texts = texts_whose_digest_ends_in(ending, wanted=2)
    digests = item_digests(texts)
    assert digests.dtype == np.dtype("S16")
    assert digests.tobytes() == b"".join(sha256(b"text\0" + text.encode())[:16] for text in texts)
    assert len(np.unique(digests)) == 2
    content = SPEC.fingerprint().encode() + digests.tobytes()
    assert len(content) == 64 + 32
    assert shard_name(SPEC, digests) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("field", FIELDS)
@given(values=st.lists(surrogates_too, min_size=2, max_size=2, unique=True))
def test_specs_that_differ_in_one_field_have_different_fingerprints(field: str, values: list[str]) -> None:
    left, right = (replace(SPEC, **{field: value}) for value in values)
    assert left.fingerprint() != right.fingerprint()


@pytest.mark.parametrize(("left", "right"), list(itertools.combinations(FIELDS, 2)))
def test_a_text_that_moves_to_another_field_changes_the_fingerprint(left: str, right: str) -> None:
    blank = EmbeddingSpec(**dict.fromkeys(FIELDS, ""))
    fingerprints = {replace(blank, **{field: "same"}).fingerprint() for field in (left, right)}
    assert len(fingerprints) == 2


def test_a_shard_is_named_by_its_spec_and_its_items_in_order() -> None:
    digests = item_digests(["a", "b", "c"])
    names = {
        shard_name(SPEC, digests),
        shard_name(SPEC, digests[::-1]),
        shard_name(SPEC, digests[:2]),
        shard_name(SPEC, item_digests(["a", "b", "d"])),
        *(shard_name(replace(SPEC, **{field: "another"}), digests) for field in FIELDS),
    }
    assert len(names) == 4 + len(FIELDS)
    assert shard_name(replace(SPEC), item_digests(["a", "b", "c"])) in names


@given(
    known=st.lists(st.sampled_from([bytes([a] * 8 + [b] * 8) for a in range(4) for b in range(4)]), max_size=30),
    wanted=st.lists(st.sampled_from([bytes([a] * 8 + [b] * 8) for a in range(5) for b in range(4)]), max_size=30),
)
def test_digests_are_found_by_all_their_bytes_where_they_first_occur(known: list[bytes], wanted: list[bytes]) -> None:
    expected = [known.index(one) if one in known else -1 for one in wanted]
    arrays = (np.frombuffer(b"".join(digests), dtype="S16") for digests in (wanted, known))
    assert find(*arrays).tolist() == expected


@given(label=surrogates_too)
def test_a_text_an_id_and_a_row_number_never_stand_for_each_other(label: str) -> None:
    kinds: tuple[Literal["text", "id", "row"], ...] = ("text", "id", "row")
    assert len({label_digests(kind, [label]).tobytes() for kind in kinds}) == 3
    assert label_digests("text", [label]) == item_digests([label])
