"""Small data of preference pairs for tests of the command line."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

GOOD, BAD = ["clear", "correct", "helpful", "kind", "precise"], ["wrong", "rude", "vague", "broken", "useless"]
NOUNS = ["answer", "note", "text", "page", "story", "plan", "list", "map", "idea"]


def answered(n: int = 160, *, seed: int = 1) -> list[dict[str, Any]]:
    """Return n rows of prompt, better and worse answer and id; two rows have one prompt."""
    draw = random.Random(seed)  # noqa: S311  # not for secrets
    rows = []
    for i in range(n):
        good = [*draw.choices(GOOD, k=3), *draw.choices(BAD, k=1), *draw.choices(NOUNS, k=3), f"g{i}"]
        bad = [*draw.choices(GOOD, k=1), *draw.choices(BAD, k=3), *draw.choices(NOUNS, k=3), f"b{i}"]
        if draw.random() < 0.15:
            good, bad = bad, good
        rows.append({"q": f"question {i // 2}", "good": " ".join(good), "bad": " ".join(bad), "key": f"r{i:03}"})
    return rows


def transcripts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows in the layout of HH-RLHF."""
    start = "\n\nHuman: {}\n\nAssistant: {}"
    return [
        {"chosen": start.format(row["q"], row["good"]), "rejected": start.format(row["q"], row["bad"])} for row in rows
    ]


def responses(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows in the layout of PKU-SafeRLHF; every fifth pair is safer on the side that is not better."""
    return [
        {
            "prompt": row["q"],
            "response_0": row["bad"] if i % 2 else row["good"],
            "response_1": row["good"] if i % 2 else row["bad"],
            "better_response_id": i % 2,
            "safer_response_id": 1 - i % 2 if i % 5 == 0 else i % 2,
        }
        for i, row in enumerate(rows)
    ]


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_items(folder: Path, n: int = 300, *, seed: int = 0) -> None:
    """Write items.csv (key, grade) and features t.npy, u.npy and s.npy of n items with scores."""
    rng = np.random.default_rng(seed)
    core, truth = rng.standard_normal((n, 5)), rng.standard_normal(5)
    grade = core @ truth + 0.3 * rng.standard_normal(n)
    views = {
        "t": core[:, :3] @ rng.standard_normal((3, 6)) + rng.standard_normal((n, 6)),
        "u": core[:, 1:] @ rng.standard_normal((4, 6)) + 2 * rng.standard_normal((n, 6)),
        "s": core @ rng.standard_normal((5, 8)) + 0.2 * rng.standard_normal((n, 8)),
    }
    for name, X in views.items():
        np.save(folder / f"{name}.npy", X.astype(np.float32))
    pl.DataFrame({"key": [f"k{i:03}" for i in range(n)], "grade": grade}).write_csv(folder / "items.csv")
