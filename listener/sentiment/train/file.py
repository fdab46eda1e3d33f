"""The model file: a quantised fastText model (format 12) without a vocabulary.

fastText averages the vectors of a line's n-grams and multiplies the average by a matrix of labels. With vectors that
are the weights of the n-grams themselves, the average is the score.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from listener.sentiment.model import LABELS
from listener.sentiment.train.plans import Plan

_MAGIC, _FORMAT = 793712314, 12
_SOFTMAX, _SUPERVISED = 3, 3
_CENTROIDS = 256  # a row is kept in one byte
_ROUNDS = 40


def encoded(weights: NDArray[Any], slope: float, seen: Sequence[int], plan: Plan) -> bytes:
    """The file of a model with `weights` (rows × labels), its scores times `slope`, its labels those `seen`.

    Softmax sees only differences: n labels need n − 1 numbers a row.
    """
    centred = weights[:, seen] - weights[:, seen].mean(1, keepdims=True)
    basis = np.linalg.svd(np.eye(len(seen)) - 1 / len(seen))[0][:, : len(seen) - 1]
    codes, centroids = _quantised(centred @ basis)
    size = len(seen) - 1
    parts = [
        struct.pack("<ii", _MAGIC, _FORMAT),
        _arguments(plan, size),
        struct.pack("<iiiqq", len(seen), 0, len(seen), 1, -1),  # the dictionary: labels only, nothing pruned
        *(b"__label__" + LABELS[label].encode() + b"\0" + struct.pack("<qb", 1, 1) for label in seen),
        struct.pack("<??qqi", True, False, plan.rows, size, codes.size),  # quantised, without norms
        codes.tobytes(),
        struct.pack("<4i", size, 1, size, size),
        centroids.astype("<f4").tobytes(),
        struct.pack("<?qq", False, len(seen), size),
        (slope * basis).astype("<f4").tobytes(),
    ]
    return b"".join(parts)


def _arguments(plan: Plan, size: int) -> bytes:
    """dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn, lrUpdateRate, t."""
    shape = (size, 5, 1, 1, 5, plan.words, _SOFTMAX, _SUPERVISED, plan.rows, plan.shortest, plan.longest, 100)
    return struct.pack("<12id", *shape, 1e-4)


def _quantised(vectors: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """One code a vector and what the codes stand for; code 0 is exactly nothing."""
    used = np.flatnonzero(np.abs(vectors).sum(1) > 0)
    means = KMeans(_CENTROIDS - 1, n_init=1, max_iter=_ROUNDS, random_state=0).fit(vectors[used])
    codes = np.zeros(len(vectors), np.uint8)
    codes[used] = means.labels_ + 1
    return codes, np.vstack([np.zeros(vectors.shape[1]), means.cluster_centers_])
