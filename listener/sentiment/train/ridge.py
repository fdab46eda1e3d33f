"""The linear model: one-hot labels regressed on n-grams, which are scaled by how rare they are or how much they tell.

Scaling by log-count ratios is Wang & Manning 2012 ("Baselines and Bigrams") with a ridge in place of their SVM.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from listener.sentiment.model import LABELS
from listener.sentiment.train.corpus import FOLDS
from listener.sentiment.train.plans import Plan

_STEPS = 30  # of conjugate gradients; the scores do not change after 20


def weights(matrix: csr_matrix, labels: NDArray[Any], plan: Plan) -> NDArray[Any]:
    """(rows × labels), of a `matrix` of texts × rows."""
    rare, telling = _rarity(matrix), _evidence(matrix, labels)
    total = np.zeros((matrix.shape[1], len(LABELS)))
    for fit in plan.fits:
        scale = np.where(rare > 0, rare**fit.rarity * telling**fit.evidence, 0.0)
        fitted = _ridge(matrix, labels, scale, fit.ridge)
        total += fitted / (matrix @ fitted).std()
    return total


def held_out(matrix: csr_matrix, labels: NDArray[Any], folds: NDArray[Any], plan: Plan) -> NDArray[Any]:
    """The scores (texts × labels) of every text by a model that has not seen its fold."""
    scores = np.zeros((len(labels), len(LABELS)))
    for fold in range(FOLDS):
        seen = folds != fold
        scores[~seen] = matrix[~seen] @ weights(matrix[seen], labels[seen], plan)
    return scores


def _rarity(matrix: csr_matrix) -> NDArray[Any]:
    """How much an n-gram may count: the less the more texts have it, and nothing when only one has."""
    having = np.bincount(matrix.indices, minlength=matrix.shape[1])
    return np.where(having > 1, np.log((1 + matrix.shape[0]) / (1 + having)) + 1, 0.0)


def _evidence(matrix: csr_matrix, labels: NDArray[Any]) -> NDArray[Any]:
    """How much an n-gram tells of the label: its log-count ratios, as in naive Bayes, label against the others."""
    having = (matrix > 0).astype(np.float32).T @ np.eye(len(LABELS))[labels] + 1.0
    having = having[:, np.unique(labels)]
    others = having.sum(1, keepdims=True) - having
    ratios = np.log(having / having.sum(0)) - np.log(others / others.sum(0))
    sizes: NDArray[Any] = np.sqrt((ratios**2).mean(1))
    return sizes


def _ridge(matrix: csr_matrix, labels: NDArray[Any], scale: NDArray[Any], ridge: float) -> NDArray[Any]:
    """One-hot targets; the rarer a label, the more its texts count."""
    scaled = matrix.multiply(scale).tocsr()
    size = np.sqrt(scaled.multiply(scaled).sum() / scaled.shape[0])
    scaled = (scaled / size).astype(np.float32)
    targets = np.eye(len(LABELS), dtype=np.float32)[labels]
    shares = targets.mean(0)
    importance = (np.where(shares > 0, shares, 1) ** -0.5)[labels].astype(np.float32)
    importance /= importance.mean()
    targets -= (importance[:, None] * targets).sum(0) / importance.sum()
    fitted: NDArray[Any] = _solved(scaled, importance[:, None], targets, ridge) * (scale / size)[:, None]
    return fitted


def _solved(matrix: csr_matrix, importance: NDArray[Any], targets: NDArray[Any], ridge: float) -> NDArray[Any]:
    """Conjugate gradients on (XᵀDX + ridge) W = XᵀDY, all columns at once."""
    turned = matrix.T.tocsr()
    residual = turned @ (importance * targets)
    found: NDArray[Any] = np.zeros_like(residual)
    direction, power = residual.copy(), (residual**2).sum(0)
    for _ in range(_STEPS):
        image = turned @ (importance * (matrix @ direction)) + ridge * direction
        step = power / np.maximum((direction * image).sum(0), 1e-30)
        found += step * direction
        residual -= step * image
        before, power = power, (residual**2).sum(0)
        direction = residual + power / np.maximum(before, 1e-30) * direction
    return found
