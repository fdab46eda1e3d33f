"""What rules on new mentions ask of the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from storage.contract_states import Judging
from storage.records import Mention, stamp

_REMEMBERED = 1_000


class StoredPast:
    """`listener.alerts.rules.Past` of a store; of one thread at a time no more than any other reading of it."""

    def __init__(self, store: Judging, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._first: dict[tuple[str, int], str] = {}  # what was found to be first lately, and may not be stored yet

    def is_first(self, mention: Mention) -> bool:
        """Never of somebody unknown."""
        if mention.voice <= 0 or self._store.has_spoken(mention.brand, mention.voice, mention.found_at):
            return False
        its_id = self._first.setdefault((mention.brand, mention.voice), mention.id)
        while len(self._first) > _REMEMBERED:
            self._first.pop(next(iter(self._first)), None)
        return its_id == mention.id

    def is_quiet(self, rule: str, brand: str) -> bool:
        return any(one.rule == rule and one.brand in ("", brand) for one in self._store.snoozes(stamp(self._now())))
