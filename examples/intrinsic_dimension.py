"""Theory against measurement on real images: how much of its teacher's variance a student keeps.

The teacher sees the upper five rows of pixels, the student the lower five. The teacher is trained again
and again on other labeled images; how much the student's scores vary from one to the next is compared
with what moments of the pool foretell: a part inherited whatever the pool, a part that a larger pool
reduces.

python examples/intrinsic_dimension.py
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from w2s_probe import DataConfig
from w2s_probe.datasets import open_data
from w2s_probe.heads import fit_ridge
from w2s_probe.linalg.moments import moments_of
from w2s_probe.theory import decompose

Float = NDArray[np.float64]
N_LABELED, REDRAWS = 100, 100
TEACHER_ALPHA, STUDENT_ALPHA = 100.0, 10.0


def main() -> None:
    """Print measured and foretold variance for growing pools."""
    table = open_data(DataConfig(data="builtin:digits"))
    images = np.asarray(table.items, dtype=np.float64) * (16 / 255)
    upper, lower = images[:, :5].reshape(len(table), -1), images[:, 3:].reshape(len(table), -1)
    Y = np.eye(10)[np.asarray(table.label)]
    rng = np.random.default_rng(0)
    source, test, pool = np.split(rng.permutation(len(table)), [600, 1000])
    # labels around the head that teachers of this strength approach, seen on rows that it was not fitted on
    best = ridge_scores(upper[source], Y[source], upper[pool], alpha=TEACHER_ALPHA * len(source) / N_LABELED)
    noise = float(((Y[pool] - best) ** 2).sum(axis=1).mean())

    print(f"{N_LABELED} labels; variance of scores, summed over ten classes")
    print("    N  teacher  student measured  student foretold = inherited + reduced")
    for N in (100, 200, 400, 797):
        U = pool[:N]
        foretold = decompose(
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
            f"{N:5}  {foretold.teacher_variance:7.3f}  {measured:16.3f}  {foretold.variance:16.3f} = "
            f"{foretold.inherited.value:.3f} + {foretold.reduced.value:.3f}"
        )
    print(f"inherited variance would halve at n = {foretold.inherited.n_to_halve:.0f}, at no N")


def ridge_scores(X: Float, Y: Float, at: Float, *, alpha: float) -> Float:
    """Return scores at other rows of a ridge head."""
    return fit_ridge(X, Y, scale="none", alpha=alpha).scores(at)


if __name__ == "__main__":
    main()
