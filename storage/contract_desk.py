"""What every database is to the review desk; the obligations are those of `storage.contract`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from storage.records_desk import Case, CaseEvent, Filter, Item, Page, Reminder, Session, User, View, Whole
from storage.records_scoring import Review


class Queueing(Protocol):
    """Who looks. Pages go by key: the next page costs what the first does."""

    def queue(self, wanted: Filter, now: str, after: str = "", limit: int = 50, audits: int = 10) -> Page:
        """Open cases that are not snoozed, the most urgent first; the waiting audit sample of the wanted brands (at
        most `audits`) is mixed in on the first page, evenly. A mention that waits for its audit, and that nobody has
        worked on, comes with that sample or not at all: among the cases it would tell that the machine flagged it."""

    def mentions(self, wanted: Filter, after: str = "", limit: int = 50) -> Page:
        """Matched mentions, posts standing or not, the newest first."""

    def whole(self, mention_id: str) -> Whole | None: ...

    def open_counts(self, now: str) -> Mapping[tuple[str, str], int]:
        """(brand, state) → open cases that are not snoozed; ("", "overdue") those past their time, of
        which more than 10,000 are not counted."""


class Working(Protocol):
    """Who works on cases. Every change is an event with who and when, and can be undone."""

    def open_case(self, case: Case) -> bool:
        """False when the mention has one."""

    def act(self, event: CaseEvent, after: Case, review: Review | None = None, undo: str = "") -> bool:
        """Record what was done and what the case is from then on, and a label if one was given (`undo`: the id of one
        that is taken back), all or nothing. False, and nothing changed, when the case is not as `event.before` says it
        was, or somebody else holds a claim on it at `event.happened_at`: then the caller shows how it stands. A case
        that is not there yet is opened."""

    def claim_case(self, mention_id: str, who: str, now: str, until: str) -> Case | None:
        """Take or prolong the claim; None when somebody else holds it."""

    def case(self, mention_id: str) -> Case | None: ...

    def last_event(self, who: str) -> CaseEvent | None:
        """The newest that is not undone."""

    def wake(self, now: str, limit: int = 500) -> list[Case]:
        """Cases whose snooze has ended by now become "assigned" or "new" again; those that did."""

    def overdue(self, now: str, limit: int = 100) -> list[Item]:
        """Open cases past their time, not snoozed, that nobody was reminded of; the longest overdue first."""

    def remind(self, reminders: Sequence[Reminder], now: str) -> int:
        """Store the alerts, and with them that the cases count as reminded of until their time is another one; how many
        cases. One that was closed, snoozed, put off or reminded of meanwhile is passed over with its alerts."""


class Admitting(Protocol):
    """Who may come in."""

    def add_user(self, user: User) -> bool:
        """False when there is one of that name, whatever its case."""

    def set_user(self, user: User) -> bool: ...

    def user(self, name: str) -> User | None: ...

    def users(self) -> list[User]: ...

    def add_session(self, session: Session) -> None: ...

    def session(self, session_id: str, now: str) -> tuple[Session, User] | None:
        """One that has not ended, of a user who is not disabled."""

    def touch_session(self, session_id: str, now: str, ends_at: str) -> None: ...

    def end_sessions(self, session_id: str = "", user: str = "", before: str = "") -> int:
        """One session, all of a user, or all that ended before a time."""

    def note_login(self, name: str, address: str, now: str, *, good: bool) -> None: ...

    def bad_logins(self, name: str, address: str, since: str) -> tuple[int, int]:
        """(of this name, from this address) since then; of the name only those after its last good one."""

    def forget_logins(self, before: str) -> int:
        """Delete what is known of attempts from before that time; how many."""


class Keeping(Protocol):
    """Saved views."""

    def save_view(self, view: View) -> None:
        """Takes the place of one of the same name and owner."""

    def drop_view(self, name: str, owner: str) -> bool: ...

    def views(self, user: str) -> Sequence[View]:
        """The user's own and everybody's, by name."""


class Desking(Queueing, Working, Admitting, Keeping, Protocol):
    pass
