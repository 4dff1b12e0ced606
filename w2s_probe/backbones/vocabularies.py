"""A tokenizer that lost its vocabulary: transformers makes one that gives every text the same tokens."""

from __future__ import annotations

import re
from typing import Any

from w2s_probe.core.errors import BackboneError

FEWEST = 2  # where the vocabulary is lost, some tokenizers still have one token of their own: a space, or a full stop

SENTINEL = re.compile(r"<extra_id_\d+>")  # of T5, whose tokenizer has them without any file


def check_vocabulary(tokenizer: Any, *, name: str) -> None:
    """Raise `BackboneError` if the tokenizer of the backbone called `name` knows no word.

    Objects that are no tokenizers of transformers or tokenizers are not checked.
    """
    if hasattr(tokenizer, "get_vocab") and not _knows_words(tokenizer):
        raise no_tokenizer(name, "the vocabulary of its tokenizer is missing or empty")


def no_tokenizer(name: str, got: str) -> BackboneError:
    """Return the error for the backbone called `name`, without a tokenizer that can be used; `got` says why."""
    return BackboneError(
        f"{name} must hold the tokenizer of its model: {got}. Save it there with tokenizer.save_pretrained."
    )


def _knows_words(tokenizer: Any) -> bool:
    """Return whether a tokenizer has tokens that are neither special nor marks that were added, such as ``<think>``."""
    if hasattr(tokenizer, "get_added_tokens_decoder"):  # of the package tokenizers, for static models
        tokens = tokenizer.get_added_tokens_decoder()
    else:
        tokens = getattr(tokenizer, "added_tokens_decoder", {})
    special = {*getattr(tokenizer, "all_special_ids", ()), *(number for number, one in tokens.items() if one.special)}
    added = {one.content for one in tokens.values()}
    words = (
        token
        for token, number in tokenizer.get_vocab().items()
        if number not in special and not SENTINEL.fullmatch(token) and (token not in added or token.isalnum())
    )
    return sum(1 for _ in zip(words, range(FEWEST), strict=False)) == FEWEST
