"""What the dashboard reads; see `storage.records`."""

from __future__ import annotations

from typing import NamedTuple


class Answered(NamedTuple):
    """A case that was answered: when its clock began, when it was first answered, when an answer was due (None: none
    was)."""

    published_at: str
    answered_at: str
    due_at: str | None
