"""Losses of sequences against direct transcriptions on random logits, and the direction of a preference."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from w2s_probe.datasets.arithmetic import draw_chains, right_solution
from w2s_probe.finetune.reasoning import preferences
from w2s_probe.finetune.reasoning.chains import prompt_of, trace_text
from w2s_probe.finetune.reasoning.decoder import IGNORED, Texts, copied, new_decoder, texts_of
from w2s_probe.finetune.reasoning.preferences import Pair, pair_loss, pairs_of, train_on_pairs
from w2s_probe.finetune.reasoning.sequences import all_log_likelihoods, dpo_rows, log_likelihoods, token_loss
from w2s_probe.finetune.training import Plan

ROWS, LENGTH, KINDS = 5, 7, 11
BETA, SFT = 0.1, 0.2


class RandomLogits(torch.nn.Module):
    """A model whose logits are parameters: each row of tokens begins with its number."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.nn.Parameter(torch.randn(2 * ROWS, LENGTH, KINDS, generator=generator, dtype=torch.float64))

    def forward(self, tokens: torch.Tensor, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(logits=self.table[tokens[:, 0], : tokens.shape[1]])


def random_texts(first: int, seed: int) -> Texts:
    rng = np.random.default_rng(seed)
    tokens = rng.integers(KINDS, size=(ROWS, LENGTH))
    tokens[:, 0] = first + np.arange(ROWS)
    labels = np.where(rng.random(tokens.shape) < 0.6, tokens, IGNORED)
    labels[:, 0], labels[:, -1] = IGNORED, tokens[:, -1]
    return Texts(tokens=torch.as_tensor(tokens), labels=torch.as_tensor(labels))


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def transcribed(table: np.ndarray, frozen: np.ndarray, sides: list[Texts]) -> tuple[float, np.ndarray]:
    """Return DPO plus the likelihood term, and its gradient, in plain loops from the papers' formulas."""
    loss, gradient = 0.0, np.zeros_like(table)
    counted = sum(int((sides[0].labels[i] != IGNORED).sum()) for i in range(ROWS))
    for i in range(ROWS):
        margin, slopes = 0.0, []
        for sign, side in zip((1, -1), sides, strict=True):
            row = int(side.tokens[i, 0])
            for t in range(1, LENGTH):
                token = int(side.labels[i, t])
                if token == IGNORED:
                    continue
                p = softmax(table[row, t - 1])
                margin += sign * (np.log(p[token]) - np.log(softmax(frozen[row, t - 1])[token]))
                slopes.append((sign, row, t - 1, np.eye(KINDS)[token] - p))
                if sign == 1:
                    loss -= SFT * np.log(p[token]) / counted
                    gradient[row, t - 1] -= SFT * slopes[-1][3] / counted
        weight = 1 / (1 + np.exp(BETA * margin))
        loss += np.log1p(np.exp(-BETA * margin)) / ROWS
        for sign, row, place, slope in slopes:
            gradient[row, place] -= sign * BETA * weight * slope / ROWS
    return loss, gradient


@pytest.mark.parametrize("seed", range(3))
def test_dpo_and_its_gradient_equal_a_transcription(seed: int) -> None:
    model: Any = RandomLogits(seed)
    frozen: Any = RandomLogits(seed + 100)
    sides = [random_texts(0, seed), random_texts(ROWS, seed + 50)]
    chosen, rejected = sides
    reference = tuple(all_log_likelihoods(frozen, side) for side in sides)
    loss = pair_loss(model, chosen, rejected, np.arange(ROWS), reference=reference, beta=BETA, sft=SFT)
    torch.autograd.backward(loss)
    value, gradient = transcribed(model.table.detach().numpy(), frozen.table.detach().numpy(), sides)
    assert float(loss.detach()) == pytest.approx(value, abs=1e-6)
    np.testing.assert_allclose(model.table.grad.numpy(), gradient, atol=1e-6)


def test_token_loss_is_the_mean_over_labelled_tokens() -> None:
    model: Any = RandomLogits(0)
    texts = random_texts(0, 0)
    rows = np.arange(ROWS)
    counted = int((texts.labels != IGNORED).sum())
    mean = -float(log_likelihoods(model, texts, rows).sum().detach()) / counted
    assert float(token_loss(model, texts, rows).detach()) == pytest.approx(mean, abs=1e-12)


def test_a_pair_and_its_reverse_have_gradients_of_opposite_preference() -> None:
    likely = torch.tensor([-3.0, -5.0], dtype=torch.float64, requires_grad=True)
    reference = {"reference_chosen": torch.tensor(-3.0), "reference_rejected": torch.tensor(-5.0)}
    turned = dict(zip(reference, reversed(reference.values()), strict=True))
    (forward,) = torch.autograd.grad(dpo_rows(likely[:1], likely[1:], **reference, beta=BETA).sum(), likely)
    (backward,) = torch.autograd.grad(dpo_rows(likely[1:], likely[:1], **turned, beta=BETA).sum(), likely)
    assert torch.allclose(forward, -backward)
    assert forward[0] < 0 < forward[1]


def test_training_on_a_pair_prefers_it_and_on_its_reverse_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    model = new_decoder(25_000, seed=0)
    chain = draw_chains(1, seed=0, steps=2, modulus=3)[0]
    pair = Pair(chain=chain, chosen="#1", rejected="#2")
    calls = []

    def counted(*arguments: Any) -> torch.Tensor:
        calls.append(1)
        return all_log_likelihoods(*arguments)

    monkeypatch.setattr(preferences, "all_log_likelihoods", counted)

    def margin(chosen: str, rejected: str) -> float:
        own = copied(model)
        plan = Plan(epochs=3, lr=1e-3, batch_size=1)
        train_on_pairs(own, [Pair(chain=chain, chosen=chosen, rejected=rejected)], beta=BETA, sft=0.0, plan=plan)
        both = all_log_likelihoods(own, texts_of([prompt_of(chain)] * 2, ["#1", "#2"]))
        return float(both[0] - both[1])

    both = all_log_likelihoods(model, texts_of([prompt_of(chain)] * 2, ["#1", "#2"]))
    assert margin(pair.chosen, pair.rejected) > float(both[0] - both[1]) > margin(pair.rejected, pair.chosen)
    assert len(calls) == 4  # once for each text of each training, whatever the number of epochs


def test_pairs_prefer_the_others_majority_to_the_own_familiar_text() -> None:
    model = new_decoder(25_000, seed=0)
    chains = draw_chains(5, seed=0, steps=2, modulus=3)
    others = [["#1", "#2", "0+1=1;0*2=0;#2"], ["#0"], ["", "1+1"], ["#1"], ["#0", "#1"]]
    own = [["#1", "#0", "#2"], ["#0"] * 3, ["#1"] * 3, ["01+2", "#0", "#1"], ["#2"] * 3]
    pairs = pairs_of(model, chains, others=others, own=own)
    assert [pair.chain for pair in pairs] == [chains[0], chains[3]]  # no other answer, no answer, no majority
    assert (pairs[0].chosen, pairs[1].chosen) == ("#2", "#1")
    likely = all_log_likelihoods(model, texts_of([prompt_of(chains[0])] * 2, ["#1", "#0"]))
    assert pairs[0].rejected == ["#1", "#0"][int(likely.argmax())]


def test_a_pair_is_right_if_it_prefers_the_truth() -> None:
    chain = draw_chains(1, seed=0, steps=2, modulus=3)[0]
    right, wrong = trace_text(right_solution(chain)), f"#{(chain.answer + 1) % 3}"
    assert Pair(chain=chain, chosen=right, rejected=wrong).is_right
    assert Pair(chain=chain, chosen=right, rejected="").is_right
    assert not Pair(chain=chain, chosen=wrong, rejected=right).is_right
    assert not Pair(chain=chain, chosen=right, rejected=right).is_right
