"""Models of a spurious correlation that several tests use."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from w2s_probe.theory import SpuriousModel

EYE = np.eye(6)
APART = EYE[:, 3:5]
SHARED = np.stack([EYE[0] + EYE[3], EYE[1] + EYE[4]], axis=1) / np.sqrt(2)


def model_of(student: NDArray[np.floating], etas: tuple[float, float, float], **changes: Any) -> SpuriousModel:
    """Return one of the fixtures' models, changed."""
    values: dict[str, Any] = {
        "law": "gaussian",
        "T": EYE[:, :3],
        "S": student,
        "mu": np.array([2.0, 0, 1, 1, 0, 0]),
        "sigma": 1.0,
        "gamma": 0.01,
        "nu": 0.0025,
        "eta_labeled": etas[0],
        "eta_unlabeled": etas[1],
        "eta_test": etas[2],
        "noise_variance": 1.0,
    }
    return SpuriousModel(**{**values, **changes})


def orthonormal(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    return np.asarray(np.linalg.qr(rng.standard_normal((rows, columns)))[0], dtype=np.float64)


@st.composite
def models(draw: st.DrawFn, *, most: float = 0.9) -> SpuriousModel:
    """Draw directions at any angle, a distance of the groups, fractions, and sizes up to `most` of what exists."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    p = draw(st.integers(2, 7))
    p_t, p_s = draw(st.integers(1, p)), draw(st.integers(1, p))
    return SpuriousModel(
        law=draw(st.sampled_from(["gaussian", "mixture"])),
        T=orthonormal(rng, p, p_t),
        S=orthonormal(rng, p, p_s),
        mu=draw(st.floats(0, 5)) * rng.standard_normal(p),
        sigma=draw(st.floats(0.1, 10)),
        gamma=draw(st.floats(1e-4, most)) / (p_t + 1),
        nu=draw(st.floats(0, most)) / (p_s + 1),
        eta_labeled=draw(st.floats(0, 1)),
        eta_unlabeled=draw(st.floats(0, 1)),
        eta_test=draw(st.floats(0, 1)),
        noise_variance=draw(st.floats(0.01, 4)),
    )
