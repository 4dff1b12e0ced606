"""The result of a fine-tune: that of its frozen run, with the fine-tuned systems and students beside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

from w2s_probe.core.serialize import Mark
from w2s_probe.results.estimate import Estimate, difference_in_brief, in_brief
from w2s_probe.results.run import Verdict, W2SResult
from w2s_probe.results.student import SystemResult

TUNED = "finetuned"  # how the names of fine-tuned systems and students begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Finetuning:
    """How weights were trained, and the verdict on the fine-tuned student.

    Parameters
    ----------
    settings : mapping
        Every setting of the training.
    trained_parameters, parameters : int
        Numbers that were trained, and numbers of the student's model with its head.
    baseline : str
        The baseline with the higher accuracy, frozen or fine-tuned: training on few labels can spoil a model.
    versus_baseline : Estimate
        Fine-tuned student minus this baseline.
    verdict : Verdict
        Answer for the fine-tuned student, beside this baseline.
    weights : mapping of file to str, or None
        Hash of what decides the weights in each file of ``--save-weights``; None without.
    """

    settings: Annotated[Mapping[str, Any], Mark.AS_GIVEN]
    trained_parameters: int
    parameters: int
    baseline: str
    versus_baseline: Annotated[Estimate, Mark.UNIT]
    verdict: Verdict
    weights: Annotated[Mapping[str, str] | None, Mark.UNLESS_NONE] = None


@dataclass(frozen=True, kw_only=True, repr=False)
class FinetuneResult(W2SResult):
    """Result of a fine-tune: scores of frozen and fine-tuned systems on the same test rows.

    Parameters
    ----------
    config, read, class_counts, fingerprint, score, level, n_test, seeds, classes, majority_rate, verdict, teachers
        As in `W2SResult`; the verdict is that of the frozen student.
    ranking, skipped, notes, reliability, curve, suspects, cells
        As in `W2SResult`.
    systems : mapping
        Teacher, baseline and ceiling, then the fine-tuned ones.
    students : mapping of str to StudentResult
        The frozen student of each strategy, then the fine-tuned ones: ``finetuned`` and ``finetuned/STRATEGY``. Their
        gain compares them with the teacher, the other comparisons with the fine-tuned baseline and ceiling.
    finetuning : Finetuning
        How weights were trained.
    """

    systems: Annotated[Mapping[str, SystemResult], Mark.UNIT]
    finetuning: Finetuning

    @property
    def frozen(self) -> W2SResult:
        """The frozen run alone."""
        own = {each.name: getattr(self, each.name) for each in fields(W2SResult)}
        apart = ("systems", "students", "reliability")
        return W2SResult(**{**own, **{name: frozen_part(own[name]) for name in apart}})

    def decisive(self) -> Iterator[str]:
        """Yield what the frozen run shows, then the fine-tuned student."""
        tuned = self.students[TUNED]
        yield from super().decisive()
        yield f"fine-tuned student {in_brief(tuned.scores[self.score].value)}"
        yield difference_in_brief("fine-tuned - baseline", self.finetuning.versus_baseline)

    def conditions(self) -> Mapping[str, bool]:
        """Return what must hold beyond the types of the fields, and whether it does."""
        tuned = [system for name, system in self.named() if name.startswith(TUNED)]
        return {
            **self.frozen.conditions(),
            "a fine-tuned student must stand beside a fine-tuned baseline and ceiling": TUNED in self.students
            and {f"{TUNED}_baseline", f"{TUNED}_ceiling"} <= set(self.systems),
            "fine-tuned systems must have epochs and a difference to the frozen ones": all(
                system.versus_frozen and system.curve and system.epochs is not None for system in tuned
            ),
        }

    def named(self) -> list[tuple[str, SystemResult]]:
        """Return the names and results of all systems and students."""
        return [*self.systems.items(), *self.students.items()]


def frozen_part(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of frozen systems or students."""
    return {name: value for name, value in named.items() if not name.startswith(TUNED)}
