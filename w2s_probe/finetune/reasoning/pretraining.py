"""Pre-training of a decoder on facts of arithmetic and on copying, to an accuracy and not to a number of steps.

A row is either a sequence of random facts, whose results count in the loss, or a line and its copy: the copy stands
where a trace stands after its prompt, half of its characters are random and do not count, so that a character can only
be copied by its place. No row holds a problem, a trace or an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import LlamaForCausalLM

from w2s_probe.core.types import Rows
from w2s_probe.datasets.arithmetic import all_facts
from w2s_probe.finetune.parameters import count_parameters
from w2s_probe.finetune.reasoning.chains import STEP, fact_text
from w2s_probe.finetune.reasoning.decoder import IGNORED, Texts, encode, new_decoder
from w2s_probe.finetune.reasoning.sequences import token_loss
from w2s_probe.finetune.training import Plan, train

COPIES = 0.4  # share of rows that are copied lines
NOISE = 0.5  # share of a copy's characters that are random
COPYING = 0.99  # accuracy of copying that a pre-training must reach, besides the accuracy on facts
BATCH = 16
CHECK = 5  # steps between two measurements
MOST_STEPS = 500  # of one attempt
ATTEMPTS = 6  # some random weights end where the order of two numbers does not matter
CORPUS = 20  # checks after which rows come again
TIMES = 4  # how often a measurement asks each fact
HELD_OUT = 50  # copied lines on which copying is measured
RATE = 2e-3
PLAIN = " 0123456789+-*"  # characters of lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretraining:
    """Requested and reached accuracies of one pre-training.

    Parameters
    ----------
    asked : float
        Requested accuracy on facts.
    facts, copying : float
        Accuracy on all facts, and on the characters of held-out lines.
    beyond : bool
        Whether facts had their accuracy at an earlier measurement, where copying had not: the training continued.
    steps : int
        Steps of training, of all attempts.
    parameters : int
        Parameters of the decoder.
    """

    asked: float
    facts: float
    copying: float
    beyond: bool
    steps: int
    parameters: int

    @property
    def is_done(self) -> bool:
        """Whether facts and copying both have their accuracy."""
        return self.facts >= self.asked and self.copying >= COPYING


@dataclass(frozen=True, eq=False, kw_only=True)
class Pretrained:
    """A decoder after pre-training.

    Parameters
    ----------
    model : LlamaForCausalLM
        The decoder.
    pretraining : Pretraining
        Its accuracies and its training.
    """

    model: LlamaForCausalLM
    pretraining: Pretraining


def pretrained(
    size: int, *, accuracy: float, steps: int, modulus: int, seed: int, device: torch.device | str = "cpu"
) -> Pretrained:
    """Return a decoder of about `size` parameters, trained until it reaches an accuracy on facts, and on copying.

    Random weights from which it does not get there begin anew; if none do, the best decoder is returned. `steps` is
    the number of steps of a problem, which decides how far a copy stands behind its line.
    """
    attempts: list[Pretrained] = []
    while len(attempts) < ATTEMPTS and not (attempts and attempts[-1].pretraining.is_done):
        own = int(np.random.SeedSequence([seed, len(attempts)]).generate_state(1)[0])
        attempts.append(_attempt(size, accuracy=accuracy, steps=steps, modulus=modulus, seed=own, device=device))
    best = max(attempts, key=lambda done: (done.pretraining.copying >= COPYING, done.pretraining.facts))
    steps_of_all = sum(done.pretraining.steps for done in attempts)
    return replace(best, pretraining=replace(best.pretraining, steps=steps_of_all))


def _attempt(
    size: int, *, accuracy: float, steps: int, modulus: int, seed: int, device: torch.device | str
) -> Pretrained:
    """Return a decoder from one draw of random weights."""
    model = new_decoder(size, seed=seed, device=device)
    rng = np.random.default_rng([seed, 1])
    corpus = _corpus(CORPUS * CHECK * BATCH, rng, steps=steps, modulus=modulus, device=device)
    held_out = _copies(HELD_OUT, rng, steps=steps, device=device)
    facts = _every_fact(rng, steps=steps, modulus=modulus, device=device)
    plan = Plan(epochs=MOST_STEPS // CHECK, lr=RATE, batch_size=BATCH, seed=seed, warmup=0.01)
    checks = 0

    def loss(rows: Rows) -> torch.Tensor:
        return token_loss(model, corpus, rows + checks % CORPUS * CHECK * BATCH)

    def evaluate() -> dict[str, NDArray[np.float64]]:
        nonlocal checks
        checks += 1
        return {"accuracy": np.array([accuracy_of(model, facts), accuracy_of(model, held_out)])}

    records = train(
        model,
        loss,
        lengths=np.zeros(CHECK * BATCH, dtype=np.intp),
        plan=plan,
        evaluate=evaluate,
        stop=lambda record: bool((record["accuracy"] >= (accuracy, COPYING)).all()),
    )
    *before, (facts_right, copied_right) = (record["accuracy"].tolist() for record in records)
    reached = Pretraining(
        asked=accuracy,
        facts=facts_right,
        copying=copied_right,
        beyond=bool(before) and min(before[-1][0], facts_right) >= accuracy,
        steps=CHECK * len(records),
        parameters=count_parameters(model)[1],
    )
    return Pretrained(model=model, pretraining=reached)


@torch.no_grad()
def accuracy_of(model: LlamaForCausalLM, texts: Texts) -> float:
    """Return the share of labelled tokens that are the most likely ones."""
    best = model(texts.tokens[:, :-1], use_cache=False).logits.argmax(-1)
    labels = texts.labels[:, 1:]
    counted = labels != IGNORED
    return float((best == labels)[counted].float().mean())


def _corpus(rows: int, rng: np.random.Generator, *, steps: int, modulus: int, device: torch.device | str) -> Texts:
    """Return rows of facts and copied lines, in random order."""
    copies = _copies(rows, rng, steps=steps, device=device)
    facts = _fact_rows(rng.integers(3 * modulus**2, size=(rows, _facts_of_row(steps))), steps=steps, modulus=modulus)
    copied = torch.as_tensor(rng.random(rows) < COPIES, device=device)[:, None]
    return Texts(
        tokens=torch.where(copied, copies.tokens, facts.tokens.to(device)),
        labels=torch.where(copied, copies.labels, facts.labels.to(device)),
    )


def _facts_of_row(steps: int) -> int:
    """Return the number of facts in a row as long as a line and its copy."""
    return (2 * STEP * steps + 3) // STEP


def _fact_rows(numbers: NDArray[np.int64], *, steps: int, modulus: int) -> Texts:
    """Return the facts of these numbers, shape (m, facts of a row), after colons."""
    table = np.array([encode(fact_text(fact)) for fact in all_facts(modulus=modulus)])
    facts = table[numbers]
    results = np.full(facts.shape, IGNORED)
    results[..., -2] = facts[..., -2]
    before = np.full((len(numbers), 2 * STEP * steps + 3 - STEP * numbers.shape[1]), encode(":")[0])
    parts = (
        np.concatenate([start, part.reshape(len(numbers), -1)], axis=1)
        for start, part in ((before, facts), (np.full(before.shape, IGNORED), results))
    )
    tokens, labels = map(torch.as_tensor, parts)
    return Texts(tokens=tokens, labels=labels)


def _every_fact(rng: np.random.Generator, *, steps: int, modulus: int, device: torch.device | str) -> Texts:
    """Return rows in which every fact stands at least `TIMES` times, among others as in the corpus."""
    length, facts = _facts_of_row(steps), 3 * modulus**2
    numbers = np.concatenate([rng.permutation(facts) for _ in range(TIMES + 1)])
    numbers = numbers[: -(-TIMES * facts // length) * length].reshape(-1, length)
    rows = _fact_rows(numbers, steps=steps, modulus=modulus)
    return Texts(tokens=rows.tokens.to(device), labels=rows.labels.to(device))


def _copies(rows: int, rng: np.random.Generator, *, steps: int, device: torch.device | str) -> Texts:
    """Return lines of the length of a problem, each followed by its copy."""
    length = STEP * steps
    lines = rng.choice(encode(PLAIN), size=(rows, 2, length))
    noisy = rng.random((rows, length)) < NOISE
    copies = np.where(noisy, lines[:, 1], lines[:, 0])
    first = rng.choice(encode(PLAIN), size=(rows, 1))
    colons = np.full((rows, 1), encode(":")[0])
    tokens = np.concatenate([first, colons, lines[:, 0], colons, copies], axis=1)
    labels = np.full(tokens.shape, IGNORED)
    labels[:, -length:] = np.where(noisy, IGNORED, copies)
    return Texts(tokens=torch.as_tensor(tokens, device=device), labels=torch.as_tensor(labels, device=device))
