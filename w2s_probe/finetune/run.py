"""From a table and backbone names to frozen and fine-tuned systems, measured on the same rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from w2s_probe import __version__
from w2s_probe.backbones import Backbone, BackboneOptions, get_backbone
from w2s_probe.backbones.base import Items
from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.finetune_config import FinetuneConfig
from w2s_probe.core.result_files import weight_file
from w2s_probe.core.shown import ShownByResult
from w2s_probe.core.types import Progress, Rows
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.scores import VANILLA
from w2s_probe.finetune.classifier import Classifier
from w2s_probe.finetune.device import check_device
from w2s_probe.finetune.encoders import Encoder, check_trainable, encoder_of
from w2s_probe.finetune.fitting import Fitter
from w2s_probe.finetune.parameters import check_memory, choose_parameters, count_parameters
from w2s_probe.finetune.summary import summarize
from w2s_probe.finetune.tasks import (
    BASELINE,
    BY_TUNED,
    CEILING,
    TEACHER,
    Task,
    label_task,
    label_tasks,
    student_task,
    student_tasks,
)
from w2s_probe.finetune.tuned import Tuned, TunedOutcome
from w2s_probe.pipeline.arguments import default_store
from w2s_probe.pipeline.committees import committee
from w2s_probe.pipeline.flags import result_with_flags
from w2s_probe.pipeline.preference import is_scored
from w2s_probe.pipeline.reading import OnRead
from w2s_probe.pipeline.run import Run
from w2s_probe.pipeline.run import run as run_frozen
from w2s_probe.results.finetune import FinetuneResult
from w2s_probe.strategies import Student

TASK = "fine-tuning"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Finetuned(ShownByResult):
    """A finished fine-tune: its result, its frozen run, and files of weights by system, one for each seed."""

    result: FinetuneResult
    frozen: Run
    outcomes: list[TunedOutcome]
    weights: dict[str, list[Path]] = field(default_factory=dict)


def run_finetune(  # noqa: PLR0913  # the arguments of a run, and those of its training
    data: DataConfig,
    config: W2SConfig,
    tuning: FinetuneConfig,
    *,
    teacher: str | Sequence[str],
    student: str,
    store: FeatureStore | None = None,
    options: BackboneOptions | None = None,
    split_file: Path | None = None,
    folder: Path | None = None,
    save_weights: bool = False,
    on_progress: Progress | None = None,
    on_read: OnRead | None = None,
) -> Finetuned:
    """Measure weak-to-strong on frozen features, then with the weights of the student trained, on the same splits.

    Each fine-tuned system starts at its frozen head and learns the same rows.

    Parameters
    ----------
    data : DataConfig
        The table and its columns.
    config : W2SConfig
        The experiment; its heads are softmax heads.
    tuning : FinetuneConfig
        How weights are trained.
    teacher : str or sequence of str
        Backbone, file of features or committee, see `w2s_probe.run`.
    student : str
        Backbone whose weights are trained.
    store : FeatureStore, optional
        The feature cache; by default that of the command line.
    options : BackboneOptions, optional
        Device, threads and batch size of the backbones.
    split_file : Path, optional
        The user's own splits, instead of drawn ones.
    folder : Path, optional
        Folder of checkpoints and finished systems: a stopped call goes on there. Without it, nothing is kept.
    save_weights : bool
        Whether to keep the trained weights in `folder` too.
    on_progress, on_read : callable, optional
        See `w2s_probe.run`.

    Raises
    ------
    W2SProbeError
        One sentence: what was expected, what came, what to do.
    """
    config, store = _checked(config, data), store or default_store()
    options = _checked_options(options or BackboneOptions())
    first = committee(teacher)[0]
    for name in (student, *([first] if tuning.finetune_teacher else [])):
        check_trainable(get_backbone(name, options) if _is_backbone(name) else name)
        _trainable(get_backbone(name, options), tuning, options.device)  # refused before anything is embedded
    shared: dict[str, Any] = {"teacher": teacher, "student": student, "store": store, "options": options}
    frozen = run_frozen(data, config, **shared, split_file=split_file, on_progress=on_progress, on_read=on_read)
    steps = _Steps(on_progress, frozen, config, tuning)
    tuner = _Tuner(frozen, student, frozen.student, options, tuning, folder=folder, save_weights=save_weights)
    weak = None
    if tuning.finetune_teacher:
        weak = _Tuner(frozen, first, frozen.teacher, options, tuning, folder=folder, save_weights=save_weights)
    skipped: dict[str, str] = {}
    weights: dict[str, list[Path]] = {}  # of each seed in which there is such a system
    outcomes = [
        _tune_seed(outcome, frozen, config, tuner=tuner, weak=weak, skipped=skipped, weights=weights, steps=steps)
        for outcome in frozen.outcomes
    ]
    weights = {name: files for name, files in weights.items() if len(files) == len(outcomes)}
    settings = {**tuning.to_dict(), "device": options.device}
    result = summarize(
        frozen,
        outcomes,
        config=config,
        tuning=tuning,
        fingerprint=_fingerprint(frozen.result.fingerprint, settings),
        settings=settings,
        parameters=tuner.parameters,
        notes=_teacher_notes(committee(teacher), tuning),
        skipped=skipped,
        weights={weight_file(name): _hash_of(files) for name, files in weights.items()} or None,
    )
    result = result_with_flags(result, ())
    return Finetuned(result=result, frozen=frozen, outcomes=outcomes, weights=weights)


class _Tuner:
    """The model of one backbone, and its fitter."""

    def __init__(  # one model with the settings of its training
        self,
        frozen: Run,
        name: str,
        features: FeatureSet,
        options: BackboneOptions,
        tuning: FinetuneConfig,
        *,
        folder: Path | None,
        save_weights: bool,
    ) -> None:
        items: Items = frozen.table.items if frozen.table.items is not None else []
        backbone: Backbone = get_backbone(name, options).suited_to(items)
        encoder = _trainable(backbone, tuning, options.device, lambda one: one.check(items, features.X))
        classes = frozen.labels.classes or ()
        self.classifier = Classifier(encoder, items, features.X, classes=len(classes))
        self.parameters = count_parameters(self.classifier)
        trained = [key for key, parameter in encoder.module.named_parameters() if parameter.requires_grad]
        origin = json.dumps([__version__, backbone.spec.to_dict(), trained], sort_keys=True)
        self.fitter = Fitter(
            classifier=self.classifier,
            digests=item_digests(items),
            X=features.X,
            blocks=frozen.opened.blocks,
            config=tuning,
            origin=origin,
            folder=folder,
            save_weights=save_weights,
        )


def _trainable(
    backbone: Backbone, tuning: FinetuneConfig, device: str, check: Callable[[Encoder], None] = lambda _: None
) -> Encoder:
    """Return the encoder of a backbone with the parameters to train; `check` may refuse it before they are chosen."""
    encoder = encoder_of(backbone)
    check(encoder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # adapters of LoRA start at random
        choose_parameters(encoder, layers=tuning.layers, lora=tuning.lora)
    check_memory(encoder.module, device, layers=tuning.layers, lora=tuning.lora)
    return encoder


class _Steps:
    """Progress in systems and, within each, in training steps."""

    def __init__(self, on_progress: Progress | None, frozen: Run, config: W2SConfig, tuning: FinetuneConfig) -> None:
        more = 4 if tuning.finetune_teacher else 2  # beside the students
        systems = sum(more + len(list(student_tasks(outcome, config, {}))) for outcome in frozen.outcomes)
        self.on_progress, self.total, self.done = on_progress, 1000 * systems, 0

    def of(self, name: str, seed: int) -> Callable[[int, int], None]:
        """Return a callback for the steps of one system."""

        def show(done: int, total: int) -> None:
            if self.on_progress:
                detail = f"{name} of seed {seed}, step {done:,} of {total:,}"
                now = min(self.done + 1000 * done // total, self.total - 1)
                self.on_progress(TASK, now, self.total, detail)

        return show

    def end(self) -> None:
        """Count a finished system."""
        self.done += 1000
        if self.on_progress and self.done >= self.total:
            self.on_progress(TASK, self.total, self.total, "")


def _tune_seed(  # one seed of all that a fine-tune has
    outcome: SeedOutcome,
    frozen: Run,
    config: W2SConfig,
    *,
    tuner: _Tuner,
    weak: _Tuner | None,
    skipped: dict[str, str],
    weights: dict[str, list[Path]],
    steps: _Steps,
) -> TunedOutcome:
    """Return the outcome of one split with its fine-tuned systems."""
    labels, split = frozen.labels, outcome.split
    tuned: dict[str, Tuned] = {}
    students: dict[str, Student] = {}

    def fit(task: Task, by: _Tuner, pool: Rows | None = None) -> Tuned:
        scores = outcome.test_scores[task.frozen]
        on_step = steps.of(task.name, split.seed)
        own, file = by.fitter.fit(
            task, seed=split.seed, test=split.test, frozen_scores=scores, pool=pool, on_step=on_step
        )
        steps.end()
        if file is not None:
            weights.setdefault(task.name, []).append(file)
        return own

    if weak is not None:
        task = label_task(TEACHER, "teacher", split.labeled, outcome.heads["teacher"], labels, config)
        tuned[TEACHER] = fit(task, weak, split.unlabeled)
    for task in (*label_tasks(outcome, labels, config), *student_tasks(outcome, config, skipped)):
        tuned[task.name] = fit(task, tuner)
        if task.name not in (BASELINE, CEILING):
            students[task.name] = _with_head(outcome.students[task.frozen], tuned[task.name], outcome, task.frozen)
    if weak is not None:
        targets = tuned[TEACHER].probabilities(tuned[TEACHER].pool)
        if config.pseudolabels == "hard":
            targets = np.eye(targets.shape[1])[targets.argmax(axis=1)]
        vanilla, head = outcome.students[VANILLA], outcome.students[VANILLA].head
        task = student_task(BY_TUNED, VANILLA, outcome, vanilla, head, targets, config)  # type: ignore[arg-type]
        tuned[BY_TUNED] = fit(task, tuner)
        students[BY_TUNED] = replace(_with_head(vanilla, tuned[BY_TUNED], outcome, VANILLA), targets=targets)
    scores = {name: own.test_scores for name, own in tuned.items()}
    return TunedOutcome.of(
        outcome,
        tuned,
        students={**outcome.students, **students},
        test_scores={**outcome.test_scores, **scores},
    )


def _with_head(student: Student, tuned: Tuned, outcome: SeedOutcome, name: str) -> Student:
    """Return a frozen student with its fine-tuned model; it has no variants, stages or numbers of its fit."""
    return Student(
        head=tuned, kept=student.kept, rule=student.rule, targets=outcome.targets(name), weights=student.weights
    )


def _checked(config: W2SConfig, data: DataConfig) -> W2SConfig:
    """Return the config with the vanilla student; raise `ConfigError` for tasks that fine-tuning does not have."""
    task = "preference" if is_scored(data) else config.task
    if task != "classification":
        msg = f"`task` must be classification for finetune: got {task}. Use run with `task` {task}, on frozen features."
        raise ConfigError(msg)
    if config.kind != "softmax":
        msg = "`head` must be softmax for finetune, which starts at a softmax head: got ridge. Use `head` softmax."
        raise ConfigError(msg)
    return replace(config, strategies=tuple(dict.fromkeys((VANILLA, *config.strategies))))


def _teacher_notes(names: Sequence[str], tuning: FinetuneConfig) -> tuple[str, ...]:
    """Return a note if there are several teachers, of which one is trained."""
    if not tuning.finetune_teacher or len(names) < 2:
        return ()
    return (f"finetuned_teacher is {names[0]} alone, the first of {len(names)} teachers, and so is {BY_TUNED}'s.",)


def _checked_options(options: BackboneOptions) -> BackboneOptions:
    """Return the options with the device by its name; raise `ConfigError` unless torch can train there."""
    if options.precision != "float32":
        msg = f"`precision` must be float32 for finetune, which trains weights: got {options.precision}. Leave it out."
        raise ConfigError(msg)
    check_device(options.torch_device)
    return replace(options, device=options.torch_device)


def _is_backbone(name: str) -> bool:
    return name.partition(":")[0] not in ("features", "cached", "labels")


def _hash_of(files: Sequence[Path]) -> str:
    """Return the hash of what decides the weights in these files, whose names are hashes of that."""
    return hashlib.sha256(json.dumps([file.name for file in files]).encode()).hexdigest()


def _fingerprint(of_run: str, settings: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([of_run, settings], sort_keys=True).encode()).hexdigest()
