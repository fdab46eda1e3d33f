"""What every database is to programs that ask at the desk; the obligations are those of `storage.contract`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from storage.records_desk import User
from storage.records_tokens import Figures, Late, ReviewPage, Token


class Vouching(Protocol):
    """Which programs may come in."""

    def add_token(self, token: Token) -> None: ...

    def token(self, token_id: str) -> tuple[Token, User] | None:
        """One that is not revoked, of a user who is not disabled."""

    def touch_token(self, token_id: str, day: str) -> None:
        """It was shown that day."""

    def tokens(self, user: str = "") -> list[Token]:
        """The revoked too, the oldest first; "" of anybody."""

    def revoke_token(self, token_id: str, now: str) -> bool:
        """False when there is none, or it was revoked before."""


class Exporting(Protocol):
    """What programs ask for and no page shows."""

    def reviews(self, brands: Sequence[str] = (), after: str = "", limit: int = 50) -> ReviewPage:
        """Labels that people gave, the undone too, the newest first; () of any brand. None of mentions that wait for a
        blind audit: whoever is to label them must not know. Any `after` is valid."""

    def figures(self) -> Figures:
        """In a few milliseconds, whatever is stored."""

    def late_watches(self, now: str) -> list[Late]:
        """Active, not closed, `next_due` <= now; by kind."""


class Serving(Vouching, Exporting, Protocol):
    pass
