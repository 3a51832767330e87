"""Boosted trees as plain arrays: fitted by scikit-learn, stored and evaluated without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class BoostingSettings:
    """Settings of scikit-learn's histogram gradient boosting, under its names.

    Args:
        max_iter: number of trees.
        learning_rate: shrinkage of each tree.
        max_leaf_nodes: leaves of a tree.
        min_samples_leaf: rows of a leaf, at least.
        l2_regularization: of the leaf values.
    """

    max_iter: int = 200
    learning_rate: float = 0.05
    max_leaf_nodes: int = 15
    min_samples_leaf: int = 40
    l2_regularization: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeEnsemble:
    """A sum of regression trees over numeric features.

    Node i sends a row to ``left[i]`` where ``row[feature[i]] <= threshold[i]``, else to ``right[i]``; a leaf has
    ``feature[i] = -1`` and adds ``value[i]``. The node tables of all trees stand one after another.

    Args:
        baseline: the constant that every row starts from.
        roots: int32, shape ``(trees,)``; where each tree begins.
        feature, left, right: int32, shape ``(nodes,)``.
        threshold, value: float64, shape ``(nodes,)``.
    """

    baseline: float
    roots: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]

    @classmethod
    def from_sklearn(cls, model: Any) -> TreeEnsemble:
        """Copy the trees of a fitted binary ``HistGradientBoosting`` model with numeric features only.

        Raises:
            ValueError: the model has several trees an iteration or a categorical split.
        """
        stages = model._predictors
        if any(len(stage) != 1 for stage in stages):
            raise ValueError("expected a model with one tree an iteration (binary classification or regression)")
        columns: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in ("feature", "left", "right", "t", "value")}
        roots, start = [], 0
        for (tree,) in stages:
            nodes = tree.nodes
            if nodes["is_categorical"].any():
                raise ValueError("expected numeric splits only")
            leaf = nodes["is_leaf"].astype(bool)
            roots.append(start)
            columns["feature"].append(np.where(leaf, -1, nodes["feature_idx"]))
            columns["left"].append(np.where(leaf, 0, nodes["left"] + start))
            columns["right"].append(np.where(leaf, 0, nodes["right"] + start))
            columns["t"].append(np.where(leaf, 0.0, nodes["num_threshold"]))
            columns["value"].append(np.where(leaf, nodes["value"], 0.0))
            start += len(nodes)
        joined = {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in columns.items()}
        return cls(
            baseline=float(np.ravel(model._baseline_prediction)[0]),
            roots=np.asarray(roots, np.int32),
            feature=joined["feature"].astype(np.int32),
            left=joined["left"].astype(np.int32),
            right=joined["right"].astype(np.int32),
            threshold=joined["t"].astype(np.float64),
            value=joined["value"].astype(np.float64),
        )

    def decision_function(self, x: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """The sum of the leaves that each row reaches; float64, shape ``(n,)``."""
        rows = np.ascontiguousarray(x, np.float64)
        total = np.full(len(rows), self.baseline)
        for root in self.roots.tolist():
            node = np.full(len(rows), root, np.int32)
            active = np.arange(len(rows))
            while len(active):
                here = node[active]
                inner = self.feature[here] >= 0
                active, here = active[inner], here[inner]
                goes_left = rows[active, self.feature[here]] <= self.threshold[here]
                node[active] = np.where(goes_left, self.left[here], self.right[here])
            total += self.value[node]
        return total

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays to store, by name."""
        return {name: getattr(self, name) for name in ("roots", "feature", "left", "right", "threshold", "value")}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]], baseline: float) -> TreeEnsemble:
        """The ensemble of stored arrays.

        Raises:
            ValueError: the arrays do not describe trees: other lengths, or a child outside the table.
        """
        model = cls(baseline=baseline, **{name: tensors[name] for name in tensors})
        n = len(model.feature)
        if any(len(getattr(model, name)) != n for name in ("left", "right", "threshold", "value")):
            raise ValueError("the node columns of a stored tree ensemble differ in length")
        inner = np.flatnonzero(model.feature >= 0)
        for child in (model.left, model.right):
            # Children stand after their parent, so that a walk ends.
            if len(inner) and not ((child[inner] > inner) & (child[inner] < n)).all():
                raise ValueError("a stored tree ensemble has a child outside its table")
        return model
