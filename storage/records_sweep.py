"""What the tables hold for those who ask about stored posts again; see `storage.records`."""

from __future__ import annotations

from typing import NamedTuple


class Standing(NamedTuple):
    """A stored post that may be asked about again, and its place in the order of arrival."""

    seq: int
    kind: str
    source: str
    source_id: str
    ref: str
    url: str


class Sweep(NamedTuple):
    """How far the walk over stored posts has come: newest first, those below `position` are still to be asked about;
    0 when it is through. `began_at` is when it began, "" before the first."""

    position: int = 0
    began_at: str = ""
