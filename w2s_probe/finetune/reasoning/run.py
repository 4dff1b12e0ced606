"""The experiment of ``reason``: all seeds in sequence, then scores with intervals."""

from __future__ import annotations

import torch

from w2s_probe.backbones.base import usable_device
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.reason_config import ReasonConfig
from w2s_probe.core.types import Progress
from w2s_probe.finetune.device import check_device
from w2s_probe.finetune.reasoning.marks import SeedMarks
from w2s_probe.finetune.reasoning.mutual import mutual_of_seed, mutual_tasks
from w2s_probe.finetune.reasoning.scores import reason_result
from w2s_probe.finetune.reasoning.w2sr import tasks_of, w2sr_of_seed
from w2s_probe.results.reason import ReasonResult


def run_reason(
    config: ReasonConfig, *, device: str = "auto", threads: int | None = None, on_progress: Progress | None = None
) -> ReasonResult:
    """Return the result of all seeds; on one CPU thread, numbers are a function of the settings.

    Parameters
    ----------
    config : ReasonConfig
        The experiment.
    device : str
        Torch device; ``auto`` is the first of cuda, mps and cpu that torch can use.
    threads : int, optional
        Threads of torch; by default, all.
    on_progress : callable, optional
        Called with the name of the task, steps done, all steps, and the step in work.

    Raises
    ------
    ConfigError
        If there is no such device, its memory is too small, or a training diverges.
    """
    device = usable_device() if device == "auto" else device
    check_device(device)
    if threads:
        torch.set_num_threads(threads)
    try:
        seeds = [_of_seed(config, number, device=device, on_progress=on_progress) for number in range(config.seeds)]
    except torch.OutOfMemoryError as error:
        msg = "the decoders must fit into the memory of `device`: got too little memory. Use a smaller `student_size`."
        raise ConfigError(msg) from error
    return reason_result(config, seeds, device=device)


def _of_seed(config: ReasonConfig, number: int, *, device: str, on_progress: Progress | None) -> SeedMarks:
    """Return the marks of one seed, counted from 0; its steps are shown."""
    mutual = config.method == "mutual"
    tasks = mutual_tasks(config) if mutual else tasks_of(config)
    done = number * tasks

    def on_step(name: str) -> None:
        nonlocal done
        if on_progress:
            on_progress("reasoning", done, config.seeds * tasks, f"seed {config.seed + number}: {name}")
        done += 1

    one_seed = mutual_of_seed if mutual else w2sr_of_seed
    marks = one_seed(config, seed=config.seed + number, on_step=on_step, device=device)
    if on_progress:
        on_progress("reasoning", done, config.seeds * tasks)
    return marks
