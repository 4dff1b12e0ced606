"""Rounds in which teachers and student learn from pairs: each side prefers the other's traces to its own familiar ones.

The pool is cut into a part for the start and a part for each round. The student starts from the teachers' traces of the
first part. In a round both sides sample traces of its part before either learns. Correctness is measured only.

Lyu et al. (2024), MACPO: Weak-to-Strong Alignment via Multi-Agent Contrastive Preference Optimization, ICLR 2025,
arXiv 2410.07672.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain as chained

import numpy as np
from transformers import LlamaForCausalLM

from w2s_probe.core.reason_config import ReasonConfig
from w2s_probe.datasets.arithmetic import Chain
from w2s_probe.finetune.reasoning.chains import marks_of
from w2s_probe.finetune.reasoning.decoder import copied
from w2s_probe.finetune.reasoning.lab import BATCH, Lab
from w2s_probe.finetune.reasoning.marks import Round, SeedMarks
from w2s_probe.finetune.reasoning.preferences import Samples, pairs_of, train_on_pairs
from w2s_probe.finetune.reasoning.w2sr import Step, systems_of
from w2s_probe.finetune.training import Plan

RATE = 0.1  # learning rate on pairs, as a share of the one on traces: with 0.3 both sides got worse
EPOCHS = 4  # passes over the pairs of a round


def mutual_of_seed(config: ReasonConfig, *, seed: int, on_step: Step, device: str = "cpu") -> SeedMarks:
    """Return the marks of one seed: systems, the student of all traces, and both sides after each round."""
    lab = Lab(config=config, seed=seed, device=device)
    on_step("pre-training of the student")
    strong = lab.strong()
    on_step("pre-training of the teachers")
    weak = {f"teacher {number}": lab.weak(number) for number in range(1, config.weak + 1)}
    on_step("teachers")
    sides = {name: lab.taught(each.model, updates=config.teacher_updates[0]) for name, each in weak.items()}
    marks, traces = systems_of(lab, strong.model, sides["teacher 1"], on_step=on_step)
    pool = lab.problems.pool
    on_step("student of traces")
    marks["traces"] = lab.marks(lab.tuned(strong.model, pool, traces))
    parts = _parts(lab)
    on_step("start of the rounds")
    sides["student"] = _started(lab, strong.model, list(sides.values()), parts[0])
    rounds = [Round(pairs={}, right={}, marks={name: lab.marks(model) for name, model in sides.items()})]
    for number, part in enumerate(parts[1:], start=1):
        on_step(f"round {number}")
        rounds.append(_round(lab, sides, part, number=number))
    marks["mutual"] = rounds[-1].marks["student"]
    return SeedMarks(
        test=lab.problems.test,
        marks=marks,
        pool=marks_of(pool, traces),
        rows={"traces": len(pool), "mutual": sum(len(part) for part in parts)},
        pretraining={name: each.pretraining for name, each in {"student": strong, **weak}.items()},
        rounds=rounds,
    )


def mutual_tasks(config: ReasonConfig) -> int:
    """Return how often `mutual_of_seed` says what it does next."""
    return 7 + config.rounds


def _parts(lab: Lab) -> list[list[Chain]]:
    """Return disjoint parts of the pool of equal size, up to one problem: for the start, and for each round."""
    order = np.random.default_rng([lab.seed, 3]).permutation(len(lab.problems.pool))
    parts = np.array_split(order, lab.config.rounds + 1)
    return [[lab.problems.pool[row] for row in np.sort(part)] for part in parts]


def _started(
    lab: Lab, strong: LlamaForCausalLM, teachers: Sequence[LlamaForCausalLM], part: Sequence[Chain]
) -> LlamaForCausalLM:
    """Return the student of all teachers' greedy traces of one part."""
    texts = [lab.written(teacher, part) for teacher in teachers]
    return lab.tuned(strong, list(part) * len(teachers), list(chained.from_iterable(texts)))


def _round(lab: Lab, sides: dict[str, LlamaForCausalLM], part: Sequence[Chain], *, number: int) -> Round:
    """Train every side on its pairs, replace it in `sides`, and return what was measured."""
    config = lab.config
    samples = {
        name: lab.sampled(model, part, draw=number * len(sides) + k) for k, (name, model) in enumerate(sides.items())
    }
    taught, right = {}, {}
    for name, model in list(sides.items()):
        others = [texts for other, texts in samples.items() if (other == "student") != (name == "student")]
        pairs = pairs_of(model, part, others=_together(others), own=samples[name])
        right[name] = float(np.mean([pair.is_right for pair in pairs])) if pairs else np.nan
        taught[name] = len(pairs)
        sides[name] = copied(model)
        plan = Plan(epochs=EPOCHS, lr=RATE * config.lr, batch_size=BATCH, seed=lab.seed)
        train_on_pairs(sides[name], pairs, beta=config.beta, sft=config.sft, plan=plan)
    return Round(pairs=taught, right=right, marks={name: lab.marks(model) for name, model in sides.items()})


def _together(samples: Sequence[Samples]) -> Samples:
    """Return the samples of several teachers as those of one."""
    return [list(chained.from_iterable(texts)) for texts in zip(*samples, strict=True)]
