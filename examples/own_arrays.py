"""Weak-to-strong on arrays in memory: no files, no cache, no command line.

The teacher sees ten measurements of each tumor, the student all thirty. Needs the core install only:

    python examples/own_arrays.py
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_breast_cancer

from w2s_probe import EmbeddingSpec, FeatureSet, W2SConfig, draw_splits, read_labels, run_w2s


def main() -> None:
    """Print the verdict."""
    X, y = load_breast_cancer(return_X_y=True)
    ids = np.arange(len(X)).astype(np.str_)
    weak = EmbeddingSpec(backbone="mean measurements", revision="1")
    strong = EmbeddingSpec(backbone="all measurements", revision="1")
    labels = read_labels(y.tolist(), name="malignant", task="classification")
    config = W2SConfig(n_labeled=30, n_unlabeled=200, n_test=150, seeds=10, scale="standard", pseudolabels="hard")
    splits = draw_splits(labels, seeds=range(10), n_labeled=30, n_unlabeled=200, n_test=150)
    result, _ = run_w2s(
        FeatureSet(ids=ids, X=X[:, :10], spec=weak, name="teacher features"),
        FeatureSet(ids=ids, X=X, spec=strong, name="student features"),
        labels,
        splits=splits,
        config=config,
    )
    print(result.verdict.advice)


if __name__ == "__main__":
    main()
