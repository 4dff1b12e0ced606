"""Theory against measurement on real images: the variance that a student inherits from its teacher.

The teacher sees the upper five rows of pixels, the student the lower five. The teacher is trained 100 times, each
time on other labeled images. The variance of the student's scores over these trainings is compared with the
prediction of the theory, which reads moments of the pool's features only. The prediction has two parts: inherited
variance, which no pool reduces, and variance that a larger pool reduces. Needs the core install only:

    python examples/intrinsic_dimension.py
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from w2s_probe import DataConfig, decompose, fit_ridge, moments_of, open_data

Float = NDArray[np.float64]
N_LABELED, REDRAWS = 100, 100
TEACHER_ALPHA, STUDENT_ALPHA = 100.0, 10.0


def main() -> None:
    """Print the measured and the predicted variance for growing pools."""
    table = open_data(DataConfig(data="builtin:digits"))
    images = np.asarray(table.items, dtype=np.float64) * (16 / 255)
    upper, lower = images[:, :5].reshape(len(table), -1), images[:, 3:].reshape(len(table), -1)
    Y = np.eye(10)[np.asarray(table.label)]
    rng = np.random.default_rng(0)
    source, test, pool = np.split(rng.permutation(len(table)), [600, 1000])
    # The theory's noise: how labels vary around the teacher's best head, measured on rows that this head did not see.
    best = ridge_scores(upper[source], Y[source], upper[pool], alpha=TEACHER_ALPHA * len(source) / N_LABELED)
    noise = float(((Y[pool] - best) ** 2).sum(axis=1).mean())

    print(f"{N_LABELED} labels; variance of the scores, summed over ten classes")
    print("    N  teacher  student measured  student predicted = inherited + reduced")
    for N in (100, 200, 400, 797):
        U = pool[:N]
        predicted = decompose(
            moments_of({"teacher": upper[U], "student": lower[U]}),
            n=N_LABELED,
            teacher_alpha=TEACHER_ALPHA,
            student_alpha=STUDENT_ALPHA,
            noise_variance=noise,
        )
        scores = []
        for _ in range(REDRAWS):
            L = rng.choice(source, N_LABELED)
            pseudolabels = ridge_scores(upper[L], Y[L], upper[U], alpha=TEACHER_ALPHA)
            scores.append(ridge_scores(lower[U], pseudolabels, lower[test], alpha=STUDENT_ALPHA))
        measured = np.var(scores, axis=0, ddof=1).sum(axis=1).mean()
        print(
            f"{N:5}  {predicted.teacher_variance:7.3f}  {measured:16.3f}  {predicted.variance:17.3f} = "
            f"{predicted.inherited.value:.3f} + {predicted.reduced.value:.3f}"
        )
    print(
        f"The inherited variance is halved by n = {predicted.inherited.n_to_halve:.0f} labels, by no size of the pool."
    )


def ridge_scores(X: Float, Y: Float, X_new: Float, *, alpha: float) -> Float:
    """Return the scores of a ridge head on new rows."""
    return fit_ridge(X, Y, scale="none", alpha=alpha).scores(X_new)


if __name__ == "__main__":
    main()
