"""A tiny causal model with random weights and a tokenizer of words, as transformers saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = ["<unk>", "<s>", "</s>", "a", "film", "fine", "not", "good", "bad", "12"]


def tiny_decoder(*, seed: int = 0) -> tuple[Any, Any]:
    """Return the model and its tokenizer."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))  # noqa: S106  # a token
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
    wrap: Any = PreTrainedTokenizerFast
    tokenizer = wrap(tokenizer_object=words, **special)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    model: Any = LlamaForCausalLM(config)
    return model.eval(), tokenizer


def save_decoder(folder: Path, *, seed: int = 0) -> Path:
    """Write both into a folder."""
    model, tokenizer = tiny_decoder(seed=seed)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
