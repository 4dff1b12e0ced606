"""Options of ``reason``; every default is read from `ReasonConfig`."""

from __future__ import annotations

from functools import partial

import click

from w2s_probe.cli.decorators import MOST_THREADS, axis, default_of, into, setting, together
from w2s_probe.cli.lists import INTEGER, NUMBER, SIZE, flattened
from w2s_probe.cli.values import Values, filled
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.reason_config import AXES, ReasonConfig


def _reason_objects(values: Values) -> dict[str, object]:
    axes = {name: flattened(values[name]) or default_of(ReasonConfig, name) for name in AXES}
    sizes = values["student_size"]
    if len(sizes) > 1:
        msg = f"--student-size takes one value: got {len(sizes)} with commas between. Give one, or use --teacher-size."
        raise ConfigError(msg)
    return {"config": filled(ReasonConfig, {**values, **axes, "student_size": sizes[0]})}


_reasoning = partial(setting, ReasonConfig)
reason_options = into(
    _reason_objects,
    _reasoning(
        "method",
        "--method",
        type=click.Choice(["w2sr", "mutual"]),
        help="One round of traces, or rounds of preferences.",
    ),
    _reasoning("weak", "--weak", type=int, help="Teachers of mutual, from 1 to 3."),
    _reasoning("rounds", "--rounds", type=int, help="Rounds of mutual, each on a part of the pool."),
    _reasoning("n_labeled", "-n", "--n-labeled", type=int, help="Number of problems with true traces."),
    _reasoning("n_unlabeled", "-N", "--n-unlabeled", type=int, help="Number of pool problems."),
    _reasoning("n_test", "--n-test", type=int, help="Number of test problems."),
    _reasoning("steps", "--steps", type=int, help="Operations of a problem, at most 8."),
    _reasoning("modulus", "--modulus", type=int, help="Modulus of the arithmetic, at most 10."),
    axis(
        "teacher_size",
        "--teacher-size",
        type=SIZE,
        help="Parameters of the teacher, such as 25k, 400k or 2M (default: 100k).",
    ),
    click.option(
        "--student-size",
        type=SIZE,
        metavar=SIZE.metavar,
        default=f"{default_of(ReasonConfig, 'student_size') // 1000}k",
        show_default=True,
        help="Parameters of the student.",
    ),
    axis(
        "teacher_accuracy",
        "--teacher-accuracy",
        type=NUMBER,
        help="Accuracy on facts at which the teacher's pre-training stops (default: 0.6).",
    ),
    _reasoning(
        "student_accuracy",
        "--student-accuracy",
        type=float,
        help="Accuracy on facts at which the student's pre-training stops.",
    ),
    axis(
        "teacher_updates",
        "--teacher-updates",
        type=INTEGER,
        help="Updates of the teacher on the true traces (default: 100).",
    ),
    _reasoning("updates", "--updates", type=int, help="Updates of every other decoder on its traces."),
    _reasoning("lr", "--lr", type=float, help="Largest learning rate of tuning."),
    _reasoning("samples", "--samples", type=int, help="Sampled traces of a problem."),
    _reasoning("temperature", "--temperature", type=float, help="Temperature of sampled traces."),
    _reasoning("beta", "--beta", type=float, help="Strength of DPO in mutual."),
    _reasoning("sft", "--sft", type=float, help="Weight of the preferred trace's likelihood in mutual."),
    _reasoning("seed", "--seed", type=int, help="First seed."),
    _reasoning(
        "seeds", "--seeds", type=int, help="Number of seeds; each draws problems and pre-trains decoders again."
    ),
    _reasoning("level", "--level", type=float, help="Level of the confidence intervals."),
)
torch_options = together(
    click.option(
        "--device",
        default="auto",
        show_default=True,
        help="Torch device of the decoders; auto is the first of cuda, mps and cpu that torch can use.",
    ),
    click.option("--threads", type=click.IntRange(1, MOST_THREADS), help="Threads of torch (default: all)."),
)
