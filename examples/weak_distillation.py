"""Distillation from a weak teacher: how much weight its labels deserve, by its quality.

A student learns the true labels and a weak teacher's soft labels together. Teachers of fewer labels are worse. Prints
the student's accuracy minus that of the labels alone, for each weight of the soft labels, and for heads that stop
early. Needs the extras text and demo; the first run embeds 3,124 sentences (half a minute on two cores):

    python examples/weak_distillation.py
"""

from __future__ import annotations

from collections.abc import Sequence

from w2s_probe import DataConfig, Estimate, W2SConfig, W2SResult, run

WEIGHTS = (0.25, 1, 4)


def main() -> None:
    """Print a row for each weight and teacher, and for each way to stop early."""
    student = distilled(weights=[0, *WEIGHTS], teacher_rows=[25, 50], steps=0).students["distill"]
    variants = student.variants or {}
    for rows in ("", "teacher_rows=50", "teacher_rows=25"):
        of_teacher = variants[rows] if rows else student
        print(f"{of_teacher.selection.label_precision:.0%} of the teacher's labels are true")
        for weight in WEIGHTS:
            variant = variants[",".join(filter(None, (f"soft_weight={weight:g}", rows)))]
            print(f"  weight {weight:<4g}       {interval(variant.versus_baseline)}")
        print(f"  weight by LOO     {interval(of_teacher.versus_baseline)}")
    student = distilled(weights=[1], teacher_rows=[200], steps=20).students["distill"]
    print("20 gradient steps, weight 1")
    for name, variant in {"from zero": student, **(student.variants or {})}.items():
        print(f"  {name:16}  {interval(variant.versus_baseline)}")


def distilled(*, weights: Sequence[float], teacher_rows: Sequence[int], steps: int) -> W2SResult:
    """Return the result of the strategy distill with these settings."""
    settings = {"distill.soft_weight": weights, "distill.teacher_rows": teacher_rows, "distill.steps": steps}
    config = W2SConfig(
        n_labeled=200, n_unlabeled=1500, n_test=800, seeds=3, strategies=("vanilla", "distill"), settings=settings
    )
    return run(
        DataConfig(data="builtin:vader-product"),
        config,
        teacher="packaged:wordllama",
        student="packaged:minilm-l6",
    ).result


def interval(estimate: Estimate) -> str:
    """Return a difference with its interval."""
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"


if __name__ == "__main__":
    main()
