"""The rule on "theme": what the detractors of the last days speak of, and those before did not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from listener.alerts.rules.standing import Found, States
from listener.match.stories import fold
from listener.report.themes import Telling, Theme, themes
from storage.contract import Store
from storage.records import stamp
from storage.records_figures import Saying
from storage.records_states import RuleState

LATELY, BEFORE = timedelta(days=7), timedelta(days=28)
AUTHORS, PLACES, MOST = 6, 2, 3
_SURE = 2.1
"""z of a theme, more than a report asks for, as it is looked for again and again: of complaints in five languages that
were dealt at random to days, 5 or 20 to each, there was a theme every 500 days (with a report's z and 5 authors, every
70)."""

_EVERY = 6  # hours
_DAY = timedelta(days=1)
_A_DAY, _A_DAY_BEFORE = 150, 60
"""So many texts of each day are read, the newest."""

_HEARD = 20
"""On so many of the 28 days something must have been heard: a first week has nothing but new themes."""


class ThemeRule:
    repeats = False
    cooldown = timedelta(days=28)

    def __init__(self, store: Store, sources: Collection[str], names: Mapping[str, Sequence[str]]) -> None:
        """`sources` are those that are asked at present; `names` are what each brand is called, which is no theme."""
        self._store = store
        self._sources = sources
        self._names = names

    def slot(self, at: datetime) -> datetime:
        utc = at.astimezone(UTC)
        return utc.replace(hour=utc.hour // _EVERY * _EVERY, minute=0, second=0, microsecond=0)

    def look(self, brand: str, at: datetime, told: States) -> Iterable[Found]:
        begin = at - LATELY
        settled = self._settled(begin)
        if not settled:
            return ()
        lately = self._said(brand, begin, at, at, _A_DAY, settled)
        if len({one.voice for one in lately}) < AUTHORS:
            return ()
        earlier = self._said(brand, begin - BEFORE, begin, at, _A_DAY_BEFORE, settled)
        found = themes(
            map(_telling, lately),
            map(_telling, earlier),
            most=3 * MOST,
            fewest_authors=AUTHORS,
            names=(brand, *self._names.get(brand, ())),
        )
        known: dict[str, Found] = {}
        for theme in found:
            if len(known) < MOST and theme.z >= _SURE and (places := _places(theme, lately)) >= PLACES:
                one = self._found(brand, theme, at, _reasons(theme, places, len(earlier)))
                known.setdefault(key := _key(theme, told), one._replace(key=key))
        return known.values()

    def over(self, state: RuleState, at: datetime) -> Found | None:
        return None

    def _found(self, brand: str, theme: Theme, at: datetime, reasons: tuple[str, ...]) -> Found:
        window = (("since", stamp(at - LATELY)), ("until", stamp(at)))
        return Found(
            theme.term,
            "brand.theme",
            f"{brand}: a new theme of complaint, “{theme.term}”",
            self._quote(theme),
            reasons,
            (("people", str(theme.authors)), ("mentions", str(theme.mentions))),
            query=(("brand", brand), ("label", "detractor"), *window, ("q", theme.term)),
            told_until=stamp(at),
        )

    def _quote(self, theme: Theme) -> str:
        """Of an example that no audit has drawn: whoever labels it must not see that it was taken for a complaint."""
        drawn = {draw.mention_id for draw in self._store.draws_of([one.mention_id for one in theme.examples])}
        return next((one.text for one in theme.examples if one.mention_id not in drawn), "")

    def _settled(self, begin: datetime) -> set[str]:
        """Sources that were heard on most days before: what a new one brings is new only to us."""
        days: dict[str, set[str]] = {}
        for row in self._store.heard_hours(stamp(begin - BEFORE)[:13], stamp(begin)[:13]):
            days.setdefault(row.source, set()).add(row.hour[:10])
        return {source for source, heard in days.items() if len(heard) >= _HEARD and source in self._sources}

    def _said(
        self, brand: str, since: datetime, until: datetime, known_by: datetime, a_day: int, sources: Collection[str]
    ) -> list[Saying]:
        found: list[Saying] = []
        for number in range((until - since) // _DAY):
            begin = since + number * _DAY
            found += self._store.complaints(brand, stamp(begin), stamp(begin + _DAY), stamp(known_by), a_day)
        return [one for one in found if one.source in sources]


def _telling(one: Saying) -> Telling:
    return Telling(_text(one), one.voice, one.language, one.mention_id, one.story)


def _text(one: Saying) -> str:
    return one.text if one.text.startswith(one.title) else f"{one.title}\n{one.text}"


def _places(theme: Theme, lately: Iterable[Saying]) -> int:
    """In how many threads, or sources where there are none, it is spoken of: one thread has one theme anyway."""
    term = f" {fold(theme.term)} "
    return len({(one.source, one.thread) for one in lately if term in f" {fold(_text(one))} "})


def _key(theme: Theme, told: States) -> str:
    """Its words; those of a theme that was told and has all of them, or none but some of them: "battery", "battery
    drain"."""
    words = fold(theme.term).split()
    alike = (key for key in told if {*key.split()} <= {*words} or {*words} <= {*key.split()})
    return next(alike, " ".join(words))


def _reasons(theme: Theme, places: int, earlier: int) -> tuple[str, ...]:
    before = theme.before_authors or "nobody"
    return (
        f"{theme.authors} unhappy people speak of “{theme.term}” in the last 7 days; in the {earlier} complaints that "
        f"were read of the 28 days before, {before} did.",
        f"They do so in {places} threads or sources; words alone were counted, so read what they say.",
    )
