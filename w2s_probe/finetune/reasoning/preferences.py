"""Pairs of a preferred and another text, and the training of a decoder on them: DPO with a term of likelihood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import LlamaForCausalLM

from w2s_probe.core.types import Rows
from w2s_probe.datasets.arithmetic import Chain
from w2s_probe.finetune.reasoning.chains import prompt_of, read_trace
from w2s_probe.finetune.reasoning.decoder import IGNORED, Texts, texts_of
from w2s_probe.finetune.reasoning.sequences import all_log_likelihoods, dpo_rows, log_likelihoods
from w2s_probe.finetune.training import Plan, train

Samples = Sequence[Sequence[str]]  # texts of each problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A preferred and another text of one problem.

    Parameters
    ----------
    chain : Chain
        The problem.
    chosen, rejected : str
        The preferred text and the other one.
    """

    chain: Chain
    chosen: str
    rejected: str

    @property
    def is_right(self) -> bool:
        """Whether the preferred answer is right and the other one is not: a measurement, never seen by a side."""
        answers = (read_trace(text, modulus=self.chain.modulus).answer for text in (self.chosen, self.rejected))
        return [answer == self.chain.answer for answer in answers] == [True, False]


def pairs_of(model: LlamaForCausalLM, chains: Sequence[Chain], *, others: Samples, own: Samples) -> list[Pair]:
    """Return a pair for each problem on which the other side agrees with itself, and a side's own samples differ.

    The preferred text is the first of the other side's samples with the answer that more than half of them have. The
    rejected text is the familiar one: of the side's own samples with another answer, or without one, the most likely by
    its own `model`.
    """
    rows = [(chain, text) for chain, texts in zip(chains, own, strict=True) for text in texts]
    prompts, texts = [prompt_of(chain) for chain, _ in rows], [text for _, text in rows]
    likely = all_log_likelihoods(model, texts_of(prompts, texts, device=model.device)).cpu().numpy()
    likely = likely.reshape(len(chains), -1)
    pairs = []
    for number, chain in enumerate(chains):
        answers = [read_trace(text, modulus=chain.modulus).answer for text in others[number]]
        counts = Counter(answer for answer in answers if answer is not None)
        best, times = counts.most_common(1)[0] if counts else (None, 0)
        if 2 * times <= len(answers):
            continue
        unlike = [k for k, text in enumerate(own[number]) if read_trace(text, modulus=chain.modulus).answer != best]
        if unlike:
            familiar = max(unlike, key=lambda k: likely[number, k])
            chosen = others[number][answers.index(best)]
            pairs.append(Pair(chain=chain, chosen=chosen, rejected=own[number][familiar]))
    return pairs


def train_on_pairs(model: LlamaForCausalLM, pairs: Sequence[Pair], *, beta: float, sft: float, plan: Plan) -> None:
    """Train a decoder in place; its present weights are the frozen reference, whose likelihoods are computed once."""
    if not pairs:
        return
    prompts = [prompt_of(pair.chain) for pair in pairs]
    sides = [
        texts_of(prompts, texts, device=model.device)
        for texts in ([pair.chosen for pair in pairs], [pair.rejected for pair in pairs])
    ]
    chosen, rejected = sides
    reference = tuple(all_log_likelihoods(model, side) for side in sides)

    def loss(rows: Rows) -> torch.Tensor:
        return pair_loss(model, chosen, rejected, rows, reference=reference, beta=beta, sft=sft)

    train(model, loss, lengths=np.maximum(chosen.lengths, rejected.lengths), plan=plan)


def pair_loss(
    model: LlamaForCausalLM,
    chosen: Texts,
    rejected: Texts,
    rows: Rows,
    *,
    reference: tuple[torch.Tensor, ...],
    beta: float,
    sft: float,
) -> torch.Tensor:
    """Return the mean DPO loss of some pairs, plus `sft` times the mean loss of the preferred texts' tokens."""
    likely = log_likelihoods(model, chosen, rows)
    other = log_likelihoods(model, rejected, rows)
    preference = dpo_rows(
        likely, other, reference_chosen=reference[0][rows], reference_rejected=reference[1][rows], beta=beta
    )
    tokens = (chosen.labels[rows] != IGNORED).sum()
    return preference.mean() - sft * likely.sum() / tokens
