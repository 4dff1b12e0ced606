"""The contract of a backbone: checks of everything that its methods return."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import BackboneError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.text import visible
from w2s_probe.core.types import Rows

MODALITIES = ("text", "image")
LONGEST_RECORD = 10_000  # characters of JSON, which each shard repeats
RESERVED = ("truncated", "matched_by")  # facts that the cache records itself


def checked_features(returned: Any, *, rows: int, title: str, width: int = 0) -> NDArray[Any]:
    """Return the features that `encode` returned as an array of shape (rows, d).

    Parameters
    ----------
    returned : object
        Return value of `encode`, made an array.
    rows : int
        Number of items.
    title : str
        How messages call the backbone.
    width : int
        Features of each row in earlier batches; 0 if there was none.
    """
    X = returned if isinstance(returned, np.ndarray) else np.asarray(returned)
    if X.dtype.kind not in "fiub" or X.ndim != 2 or X.shape[1] == 0:
        got = f"an array of {X.dtype!s:.40} of shape {X.shape}" if X.ndim else type(X.item()).__name__
        refuse(title, "return a 2-D array of numbers", got, "Return one row of float32 for each item.")
    if len(X) != rows:
        refuse(title, f"return one row for each of {rows:,} items", f"{len(X):,} rows", "Return a row for every item.")
    if width and X.shape[1] != width:
        advice = "Give every batch the same width; a changed model needs another revision in its spec."
        refuse(title, "return features of one width", f"{X.shape[1]:,} columns after {width:,}", advice)
    with np.errstate(over="ignore"):
        finite = np.isfinite(X.astype(np.float32, copy=False))
    if not finite.all():
        i, j = np.argwhere(~finite)[0]
        got = f"{X[i, j]:.6g} for item {i}, column {j}"
        refuse(title, "return features that are finite in float32", got, "Correct or scale such features.")
    return X


def checked_spec(returned: Any, *, title: str) -> EmbeddingSpec:
    """Return the spec of a backbone if all its fields are texts and the cache can store its type."""
    if type(returned) is not EmbeddingSpec:
        got = type(returned).__name__
        refuse(title, "have an EmbeddingSpec as its spec", got, "Write spec = EmbeddingSpec(backbone=…, revision=…).")
    for field in fields(EmbeddingSpec):
        value = getattr(returned, field.name)
        if type(value) is not str or not _encodable(value):
            advice = "Write every field of the spec as a text."
            refuse(title, f"have a text as {field.name} of its spec", type(value).__name__, advice)
    for name in ("backbone", "revision"):
        if not getattr(returned, name):
            refuse(title, f"have a {name} in its spec", "an empty text", "Name everything that can change a number.")
    if returned.dtype not in ("float32", "float16"):
        got = f"{returned.dtype!r:.40}"
        refuse(title, "have float32 or float16 as dtype of its spec", got, "Leave dtype out of the spec.")
    return returned


def checked_positions(returned: Any, *, items: int, title: str) -> list[int]:
    """Return the positions that `truncated` returned: each is the place of one of the items."""
    right = isinstance(returned, list) and all(
        isinstance(at, int | np.integer) and not isinstance(at, bool) and 0 <= at < items for at in returned
    )
    if not right:
        got = f"{returned!r:.60}" if _plain(returned) else type(returned).__name__
        advice = "Return the positions of the items that are cut, or an empty list."
        refuse(title, f"return whole numbers from 0 to {items - 1:,} from truncated", got, advice)
    return sorted({int(at) for at in returned})


def checked_slices(returned: list[Any], *, items: int, title: str) -> list[Rows]:
    """Return the positions that `slices` returned, in arrays: each item is in one slice."""
    parts = [part if isinstance(part, list) else [part] for part in returned]
    positions = [at for part in parts for at in part]
    right = all(type(at) is int for at in positions) and sorted(positions) == list(range(items))
    if not right or not all(parts):
        got = f"{len(parts):,} slices of {len(positions):,} positions"
        refuse(title, f"return each of {items:,} positions once from slices", got, "Leave slices out.")
    return [np.array(part, dtype=np.intp) for part in parts]


def checked_record(returned: Any, *, title: str) -> dict[str, Any]:
    """Return the facts that `recorded` returned, as JSON gives them back."""
    advice = "Return a dict of texts and finite numbers."
    if not isinstance(returned, Mapping):
        refuse(title, "return a mapping from recorded", type(returned).__name__, advice)
    try:
        text = json.dumps(dict(returned), allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        refuse(title, "return facts from recorded that JSON can hold", f"{visible(str(error)):.100}", advice)
    if len(text) > LONGEST_RECORD:
        got = f"{len(text):,}"
        refuse(title, f"return at most {LONGEST_RECORD:,} characters of JSON from recorded", got, "Record fewer facts.")
    record: dict[str, Any] = json.loads(text)
    for name in RESERVED:
        if name in record:
            refuse(title, "leave the names that the cache uses out of recorded", name, "Rename this fact.")
    return record


def checked_modality(returned: Any, *, title: str) -> Any:
    """Return the modality of a backbone."""
    if returned not in MODALITIES:
        got = f"{returned!r:.40}" if isinstance(returned, str) else type(returned).__name__
        refuse(title, "have text or image as its modality", got, 'Write modality = "text".')
    return returned


def refuse(title: str, duty: str, got: str, advice: str) -> NoReturn:
    """Raise `BackboneError`: what a backbone must do, what it did, what to do."""
    msg = f"{title} must {duty}: got {got}. {advice}"
    raise BackboneError(msg)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _plain(values: Any) -> bool:
    return isinstance(values, Sequence) and all(type(value) in (int, float, str, bool) for value in values[:8])
