"""What every database is to those who look after people; the obligations are those of `storage.contract`.

Labels are people's where there are any, else the machine's. A mention that waits for its blind audit counts nowhere its
label would show: a list must not tell what the machine thinks of it. Posts that were taken away, staff and quarantined
authors count nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from storage.records_desk import Item
from storage.records_people import AnsweredAt, AuthorNote, People, Permission, Permitted, TurnedPage


class Knowing(Protocol):
    """Who knows a brand's friends. Windows are half open: since <= at < until."""

    def advocates(self, brand: str, since: str, until: str, after: str = "", limit: int = 50) -> People:
        """Known authors whose counting mentions praise the brand in at least two threads: most threads first, then the
        newest praise; those who opted out last. Of the 400 who praised most, by the newest 100 praises of each."""

    def helpers(self, brand: str, since: str, until: str, after: str = "", limit: int = 50) -> People:
        """Known authors who answered or commented, whatever they think of the brand, in threads that they have not
        begun themselves: in most threads first, otherwise like `advocates`. Of the 400 who did so most among the newest
        20,000 mentions, by the newest 100 mentions of each."""

    def turned(self, brand: str, since: str, until: str, after: str = "", limit: int = 50) -> TurnedPage:
        """Authors of complaints (answered within the window) all of whose later opinions are better, each once, with
        the newest such complaint; the last answered first."""

    def add_note(self, note: AuthorNote) -> bool:
        """False when nobody knows the author, or they opted out already and that is what the note says."""

    def undo_note(self, note_id: str, who: str, now: str) -> bool:
        """False when there is no such note that stands."""

    def notes(self, author_ids: Sequence[str], brand: str) -> list[AuthorNote]:
        """The oldest first, undone ones too."""


class Asking(Protocol):
    """Who collects what people ask, and what may be quoted."""

    def asked(self, brand: str, since: str, until: str, limit: int = 2000) -> list[Item]:
        """Of the newest `limit` mentions those that are questions, or whose text has a question mark, newest first."""

    def answered_at(self, brand: str, limit: int = 200) -> list[tuple[AnsweredAt, Item]]:
        """The links that hold, with the mentions that asked; the last set first."""

    def set_answered_at(self, answer: AnsweredAt) -> bool:
        """False when there is no such mention of that brand."""

    def permissions(self, mention_ids: Sequence[str]) -> Mapping[str, Permission]:
        """By mention, those that were ever set."""

    def set_permission(self, permission: Permission) -> bool:
        """False when there is no such mention."""

    def permitted(self, brand: str, state: str, after: str = "", limit: int = 50) -> Permitted:
        """Mentions of the brand whose permission is in this state, posts standing."""


class Befriending(Knowing, Asking, Protocol):
    pass
