"""Tiny models with random weights and a tokenizer of words, as transformers saves them: Llama, GPT-2 and others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = ["<unk>", "<s>", "</s>", "a", "film", "fine", "not", "good", "bad", "12"]


def word_tokenizer(**more: Any) -> Any:
    """Return a tokenizer of `WORDS`; more special tokens and settings may be given, or None for one it has not."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))  # noqa: S106  # a token
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>", **more}
    wrap: Any = PreTrainedTokenizerFast
    return wrap(tokenizer_object=words, **{name: value for name, value in special.items() if value is not None})


def tiny_decoder(*, seed: int = 0) -> tuple[Any, Any]:
    """Return a Llama and its tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

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
    return model.eval(), word_tokenizer()


def save_decoder(folder: Path, *, seed: int = 0) -> Path:
    """Write both into a folder."""
    model, tokenizer = tiny_decoder(seed=seed)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_model(folder: Path, config: Any, *, seed: int = 0, **special: Any) -> Path:
    """Write a model with random weights of this configuration, without a head, and a tokenizer of words."""
    import torch
    from transformers import AutoModel

    torch.manual_seed(seed)
    auto: Any = AutoModel
    auto.from_config(config).save_pretrained(folder)
    word_tokenizer(**special).save_pretrained(folder)
    return folder


def save_gpt2(folder: Path, **special: Any) -> Path:
    """Write a GPT-2 whose tokenizer has no token for padding."""
    from transformers import GPT2Config

    tokens: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 2}
    config = GPT2Config(vocab_size=len(WORDS), n_positions=64, n_embd=16, n_layer=3, n_head=4, **tokens)
    return save_model(folder, config, pad_token=None, **special)


def save_llama(folder: Path, **special: Any) -> Path:
    """Write the Llama of `tiny_decoder` with another tokenizer."""
    save_decoder(folder)
    word_tokenizer(**special).save_pretrained(folder)
    return folder
