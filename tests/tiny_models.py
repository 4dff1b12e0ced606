"""Tiny random models in folders: an encoder of two layers, texts for it, and a table of these texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

WORDS = ("good", "bad", "fine", "poor", "film", "plot", "very", "not", "a", "the", "great", "awful")
GOOD = ("good", "fine", "great")


def tiny_encoder(folder: Path, *, layers: int = 2, width: int = 32) -> Path:
    """Write a random BERT of two layers as a folder of sentence-transformers, and return it."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast  # type: ignore[attr-defined]

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]), encoding="utf-8")
    BertTokenizerFast(vocab=str(vocabulary), model_max_length=32).save_pretrained(folder / "bert")
    config = BertConfig(
        vocab_size=5 + len(WORDS),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"))
    model = SentenceTransformer(modules=[transformer, Pooling(width)], device="cpu")
    model.save(str(folder / "model"))
    return folder / "model"


def texts_with_labels(rows: int, *, seed: int = 0) -> tuple[list[str], list[str]]:
    """Return distinct texts of eight words, and whether most of their judging words are good."""
    rng = np.random.default_rng(seed)
    texts: dict[str, str] = {}
    while len(texts) < rows:
        words = rng.choice(WORDS, size=int(rng.integers(4, 12)))
        good, bad = sum(word in GOOD for word in words), sum(word in ("bad", "poor", "awful") for word in words)
        if good != bad:
            texts[" ".join(words)] = "good" if good > bad else "bad"
    return list(texts), list(texts.values())


def text_table(path: Path, rows: int, *, seed: int = 0) -> Path:
    """Write a CSV table with the columns id, text and label, and return its path."""
    texts, labels = texts_with_labels(rows, seed=seed)
    lines = [f"r{row},{text},{label}" for row, (text, label) in enumerate(zip(texts, labels, strict=True))]
    path.write_text("\n".join(["id,text,label", *lines]) + "\n", encoding="utf-8")
    return path
