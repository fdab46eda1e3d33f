"""What keeps the figures honest beside the pulling: what changed under them is noted, our own people are left out, and
some mentions a day are drawn for people to label."""

from __future__ import annotations

from datetime import datetime

from listener.audits import EVERY, draw_daily
from listener.sentiment.contract import Scorer
from listener.settings import Settings
from storage.contract import Store
from storage.records import stamp


def staff(settings: Settings) -> frozenset[str]:
    """The brands' own people: handles and names in lower case, without @."""
    return frozenset(name.lower().removeprefix("@") for brand in settings.brands for name in brand.staff)


class Honesty:
    def __init__(self) -> None:
        self._left_out: set[str] = set()  # ids of authors who are staff, with all they ever wrote

    def keep(self, store: Store, settings: Settings, scorer: Scorer, sources: str, now: datetime) -> None:
        """`sources` names all that are configured."""
        self._leave_out_staff(store, settings)
        today = now.astimezone(settings.zone).date()
        for brand in settings.brands:
            states = {"scorer": scorer.id_for(brand.name), "query": " ".join(brand.query.split()), "sources": sources}
            store.note(brand.name, states, stamp(now))
            draw_daily(store, brand.name, settings.audit.per_day, today, now)

    def _leave_out_staff(self, store: Store, settings: Settings) -> None:
        """Also of an author who is staff already, once: whose first post since then came before this knows nobody's
        earlier ones."""
        names = (name.removeprefix("@") for brand in settings.brands for name in brand.staff)
        for name in dict.fromkeys(names):
            for author, *_ in store.authors_named(name, EVERY):
                if author.id not in self._left_out or not author.standing:
                    if author.standing != "quarantined":
                        store.set_standing(author.id, "staff")
                    self._left_out.add(author.id)
