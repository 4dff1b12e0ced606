"""W2SR on one seed: a weak teacher writes traces of problems, and a strong decoder learns from them.

Truth of the pool is read by the ceiling and by the oracle arms only. The random arm reads the number of right traces,
which decides its size.

Yuan et al. (2025), Incentivizing Strong Reasoning from Weak Supervision, arXiv 2505.20072.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from transformers import LlamaForCausalLM

from w2s_probe.core.reason_config import AXES, ReasonConfig
from w2s_probe.core.types import Rows
from w2s_probe.finetune.reasoning.chains import Marks, answer_text, marks_of, read_trace, trace_text
from w2s_probe.finetune.reasoning.decoder import same_weights
from w2s_probe.finetune.reasoning.lab import Lab
from w2s_probe.finetune.reasoning.marks import Point, SeedMarks

Step = Callable[[str], None]  # told what is done next
Taught = tuple[Rows, Sequence[str]]  # problems of the pool, and a text for each


def w2sr_of_seed(config: ReasonConfig, *, seed: int, on_step: Step, device: str = "cpu") -> SeedMarks:
    """Return the marks of all systems of one seed, and of the students that have traces."""
    lab = Lab(config=config, seed=seed, device=device)
    on_step("pre-training of the student")
    strong = lab.strong()
    on_step("pre-training of the teacher")
    weak = lab.weak()
    on_step("teacher")
    teacher = lab.taught(weak.model, updates=config.teacher_updates[0])
    marks, traces = systems_of(lab, strong.model, teacher, on_step=on_step)
    on_step("sampled traces")
    sets = training_sets(lab, traces, lab.sampled(teacher, lab.problems.pool))
    for name, (rows, texts) in sets.items():
        on_step(f"student of {name}")
        if len(rows):
            marks[name] = lab.marks(lab.tuned(strong.model, [lab.problems.pool[row] for row in rows], texts))
    return SeedMarks(
        test=lab.problems.test,
        marks=marks,
        pool=marks_of(lab.problems.pool, traces),
        rows={name: len(rows) for name, (rows, _) in sets.items()},
        pretraining={"student": strong.pretraining, "teacher": weak.pretraining},
        curve=_curve(lab, strong.model, teacher, on_step=on_step),
    )


def tasks_of(config: ReasonConfig) -> int:
    """Return how often `w2sr_of_seed` says what it does next."""
    return 12 + 2 * sum(len(getattr(config, axis)) - 1 for axis in AXES)


def systems_of(
    lab: Lab, strong: LlamaForCausalLM, teacher: LlamaForCausalLM, *, on_step: Step
) -> tuple[dict[str, Marks], list[str]]:
    """Return the marks of untrained student, teacher, baseline and ceiling, and the teacher's traces of the pool."""
    problems = lab.problems
    marks = {"untrained": lab.marks(strong), "teacher": lab.marks(teacher)}
    traces = lab.written(teacher, problems.pool)
    on_step("baseline")
    marks["baseline"] = lab.marks(lab.taught(strong))
    on_step("ceiling")
    marks["ceiling"] = lab.marks(lab.tuned(strong, problems.pool, [trace_text(each) for each in problems.truth]))
    return marks, traces


def training_sets(lab: Lab, traces: Sequence[str], samples: Sequence[Sequence[str]]) -> dict[str, Taught]:
    """Return the rows of the pool and the texts that each student learns, from the teacher's greedy and sampled traces.

    ``oracle_P`` has the traces with a right answer, ``oracle_N`` the others, and ``random`` as many traces as
    ``oracle_P``.
    """
    modulus, pool = lab.config.modulus, lab.problems.pool
    right = np.array(
        [
            read_trace(text, modulus=modulus).answer == solution.answer
            for text, solution in zip(traces, lab.problems.truth, strict=True)
        ]
    )
    chosen = np.sort(np.random.default_rng([lab.seed, 2]).permutation(len(pool))[: right.sum()])

    def kept(rows: Rows) -> Taught:
        return rows, [traces[row] for row in rows]

    return {
        "traces": kept(np.arange(len(pool))),
        "answers": _answers(traces, modulus),
        "self_consistent": self_consistent(samples, modulus=modulus),
        "random": kept(chosen),
        "oracle_P": kept(np.flatnonzero(right)),
        "oracle_N": kept(np.flatnonzero(~right)),
    }


def self_consistent(samples: Sequence[Sequence[str]], *, modulus: int) -> Taught:
    """Return for each problem the first sampled trace with the most frequent answer; no row if none has an answer.

    Of equally frequent answers the first one is taken.

    Examples
    --------
    >>> rows, texts = self_consistent([["#1", "0+2=2;#2", "1+1=2;#2"], ["", "#"]], modulus=5)
    >>> rows.tolist(), texts
    ([0], ['0+2=2;#2'])
    """
    chosen = {}
    for row, texts in enumerate(samples):
        answers = [read_trace(text, modulus=modulus).answer for text in texts]
        counts = Counter(answer for answer in answers if answer is not None)
        if counts:
            chosen[row] = texts[answers.index(counts.most_common(1)[0][0])]
    return np.array(list(chosen), dtype=np.intp), list(chosen.values())


def _answers(traces: Sequence[str], modulus: int) -> Taught:
    """Return the answers of traces without their steps; traces without an answer are left out."""
    answers = {row: read_trace(text, modulus=modulus).answer for row, text in enumerate(traces)}
    texts = {row: answer_text(answer) for row, answer in answers.items() if answer is not None}
    return np.array(list(texts), dtype=np.intp), list(texts.values())


def _curve(lab: Lab, strong: LlamaForCausalLM, first: LlamaForCausalLM, *, on_step: Step) -> list[Point]:
    """Return the further teachers of each axis, all else as in the first one, and the students of their traces."""
    points, pool = [], lab.problems.pool
    for axis in AXES:
        others = {float(getattr(lab.config, axis)[0]): first}
        for value in getattr(lab.config, axis)[1:]:
            on_step(f"teacher with {axis.replace('_', ' ')} {value:g}")
            settings: dict[str, Any] = {axis: (value,)}
            own = Lab(config=replace(lab.config, **settings), seed=lab.seed, device=lab.device)
            weak = own.weak()
            teacher = own.taught(weak.model, updates=own.config.teacher_updates[0])
            traces = own.written(teacher, pool)
            on_step("its student")
            student = lab.tuned(strong, pool, traces)
            points.append(
                Point(
                    axis=axis,
                    value=float(value),
                    same_as=next((other for other, model in others.items() if same_weights(model, teacher)), None),
                    pretraining=weak.pretraining,
                    pool=marks_of(pool, traces),
                    teacher=lab.marks(teacher),
                    traces=lab.marks(student),
                )
            )
            others[float(value)] = teacher
    return points
