"""A small decoder of characters: a Llama with random weights, its tokenizer, its training and its generation."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from w2s_probe.core.decoder_sizes import CHARACTERS, HEAD, LAYERS, width_of
from w2s_probe.core.types import Rows

END = CHARACTERS.index("\n")
SPREAD = 0.1  # standard deviation of random weights: facts are learned several times faster than with 0.02
IGNORED = -100  # label of a token that does not count in a loss


@dataclass(frozen=True, eq=False, kw_only=True)
class Texts:
    """Prompts with their continuations as tokens.

    Parameters
    ----------
    tokens : tensor of int, shape (m, L)
        Prompt, continuation and end of each text; shorter texts are padded with ends.
    labels : tensor of int, shape (m, L)
        The tokens of the continuation and its end; `IGNORED` elsewhere.
    """

    tokens: torch.Tensor
    labels: torch.Tensor

    @property
    def lengths(self) -> Rows:
        """Length of each text, shape (m,)."""
        return np.full(len(self.tokens), self.tokens.shape[1])


def new_decoder(size: int, *, seed: int, device: torch.device | str = "cpu") -> LlamaForCausalLM:
    """Return a decoder with random weights of about `size` parameters."""
    width = width_of(size)
    config = LlamaConfig(
        vocab_size=len(CHARACTERS),
        hidden_size=width,
        intermediate_size=8 * width // 3,
        num_hidden_layers=LAYERS,
        num_attention_heads=width // HEAD,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=SPREAD,
        bos_token_id=None,
        eos_token_id=END,
        pad_token_id=END,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    torch.nn.Module.to(model, device)
    model.train(mode=False)
    return model


def copied(model: LlamaForCausalLM) -> LlamaForCausalLM:
    """Return a copy that can be trained apart."""
    return copy.deepcopy(model)


def same_weights(first: LlamaForCausalLM, second: LlamaForCausalLM) -> bool:
    """Return whether two decoders have the same shapes and the same weights, bit for bit."""
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return all(one.shape == other.shape and torch.equal(one, other) for one, other in pairs)


def encode(text: str) -> list[int]:
    """Return the tokens of a text."""
    return [CHARACTERS.index(character) for character in text]


def texts_of(prompts: Sequence[str], continuations: Sequence[str], *, device: torch.device | str = "cpu") -> Texts:
    """Return prompts and continuations as tokens."""
    pairs = [(encode(prompt), encode(text + "\n")) for prompt, text in zip(prompts, continuations, strict=True)]
    longest = max((len(prompt) + len(text) for prompt, text in pairs), default=0)
    tokens = np.full((len(pairs), longest), END)
    labels = np.full((len(pairs), longest), IGNORED)
    for row, (prompt, text) in enumerate(pairs):
        start, stop = len(prompt), len(prompt) + len(text)
        tokens[row, :stop] = prompt + text
        labels[row, start:stop] = text
    return Texts(tokens=torch.as_tensor(tokens, device=device), labels=torch.as_tensor(labels, device=device))


@torch.no_grad()
def generate(
    model: LlamaForCausalLM,
    prompts: Sequence[str],
    *,
    longest: int,
    temperature: float = 0.0,
    seed: int = 0,
    batch_size: int = 1024,
) -> list[str]:
    """Return a continuation of each prompt, all of one length, up to its end: greedy, or sampled at a temperature."""
    device = model.device
    texts = []
    for start in range(0, len(prompts), batch_size):
        part = torch.tensor([encode(prompt) for prompt in prompts[start : start + batch_size]], device=device)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(int(np.random.SeedSequence([seed, start]).generate_state(1)[0]))
            sampled = (
                {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
            )
            tokens = model.generate(part, attention_mask=torch.ones_like(part), max_new_tokens=longest, **sampled)
        texts += [decode(row) for row in tokens[:, part.shape[1] :].tolist()]
    return texts


def decode(tokens: Sequence[int]) -> str:
    """Return the text of tokens before the first end."""
    return "".join(CHARACTERS[token] for token in tokens).partition("\n")[0]
