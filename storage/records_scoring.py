"""What the tables hold for those who score again, label and calibrate; see `storage.records`."""

from __future__ import annotations

from typing import NamedTuple

from storage.records import Mention, Post, Score


class Review(NamedTuple):
    """A person's label. `sampled_by`: "flag" (they were shown a flagged mention), "audit" (a random draw, with its
    `inclusion_prob`), "free" (they came across it). The last one that is not undone holds."""

    id: str
    mention_id: str
    label: str
    reviewer: str
    reviewed_at: str
    sampled_by: str
    inclusion_prob: float | None = None
    audit_id: str | None = None
    undone_at: str | None = None


class WordRule(NamedTuple):
    """What a word weighs (-4..4, 0: nothing) in texts about `brand` ("" all brands), until it is undone."""

    id: str
    brand: str
    word: str
    valence: float
    added_at: str
    added_by: str
    undone_at: str | None = None


class Calibration(NamedTuple):
    """How a brand's probabilities are recalibrated: `parameters` is JSON, fitted on `labels` labels of `scorer`."""

    id: str
    brand: str
    scorer: str
    fitted_at: str
    labels: int
    parameters: str
    undone_at: str | None = None


class Labelled(NamedTuple):
    """A mention with the label that a person gave it last."""

    review: Review
    mention: Mention
    post: Post


class Stale(NamedTuple):
    """A mention that another scorer has judged, and its place in the order of arrival."""

    seq: int
    mention: Mention
    post: Post


class Rescored(NamedTuple):
    """A mention's new score, `changed` False when it says what the old one said and only the scorer is another;
    `fingerprint` is that of the post that was scored."""

    score: Score
    changed: bool
    fingerprint: str
