"""The problems of one seed, and pre-training, tuning and generation of its decoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from transformers import LlamaForCausalLM

from w2s_probe.core.reason_config import ReasonConfig
from w2s_probe.datasets.arithmetic import Chain, Solution, draw_chains, right_solution
from w2s_probe.finetune.reasoning.chains import Marks, longest_trace, marks_of, prompt_of, trace_text
from w2s_probe.finetune.reasoning.decoder import copied, generate, texts_of
from w2s_probe.finetune.reasoning.pretraining import Pretrained, pretrained
from w2s_probe.finetune.reasoning.sequences import token_loss
from w2s_probe.finetune.training import Plan, train

BATCH = 32  # texts of an update


@dataclass(frozen=True, eq=False, kw_only=True)
class Problems:
    """The problems of one seed.

    Parameters
    ----------
    labeled, pool, test : list of Chain
        Problems of each part; no problem is in two parts.
    truth : list of Solution
        Right solutions of the pool, for ceiling, oracle arms and measurements.
    """

    labeled: list[Chain]
    pool: list[Chain]
    test: list[Chain]
    truth: list[Solution]

    @classmethod
    def draw(cls, config: ReasonConfig, *, seed: int) -> Problems:
        """Return the problems of a seed."""
        n, N = config.n_labeled, config.n_unlabeled
        chains = draw_chains(n + N + config.n_test, seed=seed, steps=config.steps, modulus=config.modulus)
        pool = chains[n : n + N]
        return cls(labeled=chains[:n], pool=pool, test=chains[n + N :], truth=[right_solution(c) for c in pool])


@dataclass(frozen=True, eq=False, kw_only=True)
class Lab:
    """Pre-training, tuning and generation with the settings of one seed."""

    config: ReasonConfig
    seed: int
    device: str = "cpu"

    @cached_property
    def problems(self) -> Problems:
        """The problems of the seed."""
        return Problems.draw(self.config, seed=self.seed)

    def strong(self) -> Pretrained:
        """Return the strong decoder after pre-training."""
        return self._pretrained(self.config.student_size, self.config.student_accuracy, 0)

    def weak(self, number: int = 1) -> Pretrained:
        """Return a weak decoder after pre-training; `number` counts teachers from 1."""
        return self._pretrained(self.config.teacher_size[0], self.config.teacher_accuracy[0], number)

    def tuned(
        self, model: LlamaForCausalLM, chains: Sequence[Chain], texts: Sequence[str], *, updates: int | None = None
    ) -> LlamaForCausalLM:
        """Return a copy of a decoder, trained to write these texts in exactly so many updates."""
        model = copied(model)
        rows = texts_of([prompt_of(chain) for chain in chains], texts, device=self.device)
        updates = updates or self.config.updates
        plan = Plan(updates=updates, lr=self.config.lr, batch_size=BATCH, seed=self.seed)
        train(model, lambda batch: token_loss(model, rows, batch), lengths=rows.lengths, plan=plan)
        return model

    def written(
        self, model: LlamaForCausalLM, chains: Sequence[Chain], *, temperature: float = 0.0, draw: int = 0
    ) -> list[str]:
        """Return what a decoder writes for each problem: greedy, or sampled; `draw` numbers samples."""
        prompts = [prompt_of(chain) for chain in chains]
        longest = longest_trace(self.config.steps)
        seed = int(np.random.SeedSequence([self.seed, draw]).generate_state(1)[0])
        return generate(model, prompts, longest=longest, temperature=temperature, seed=seed)

    def sampled(self, model: LlamaForCausalLM, chains: Sequence[Chain], *, draw: int = 0) -> list[list[str]]:
        """Return sampled texts of each problem, as many as `samples`."""
        config = self.config
        draws = [
            self.written(model, chains, temperature=config.temperature, draw=1 + draw * config.samples + k)
            for k in range(config.samples)
        ]
        return [list(texts) for texts in zip(*draws, strict=True)]

    def marks(self, model: LlamaForCausalLM) -> Marks:
        """Return a decoder's marks on the test problems."""
        return marks_of(self.problems.test, self.written(model, self.problems.test))

    def taught(self, model: LlamaForCausalLM, *, updates: int | None = None) -> LlamaForCausalLM:
        """Return a decoder after tuning on the true traces of the labeled problems."""
        labeled = self.problems.labeled
        texts = [trace_text(right_solution(chain)) for chain in labeled]
        return self.tuned(model, labeled, texts, updates=updates)

    def _pretrained(self, size: int, accuracy: float, number: int) -> Pretrained:
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        steps, modulus = self.config.steps, self.config.modulus
        return pretrained(size, accuracy=accuracy, steps=steps, modulus=modulus, seed=seed, device=self.device)
