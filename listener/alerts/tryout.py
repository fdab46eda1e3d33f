"""What a rule on new mentions would have told of those that are stored."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from listener.alerts.rules.mention import Raised, Rule, raise_alerts
from listener.alerts.rules.past import StoredPast
from storage.contract import Store
from storage.records import moment, stamp
from storage.records_desk import Filter, Item

_PAGE = 500


class _Awake(StoredPast):
    """Nobody had told the rules to be quiet."""

    def is_quiet(self, rule: str, brand: str) -> bool:
        return False


def would_raise(
    store: Store,
    rules: Sequence[Rule],
    name: str,
    since: datetime,
    until: datetime,
    max_age: timedelta,
    desk: str,
    sources: Collection[str],
) -> Iterator[Raised]:
    """The alerts of the rule of that name for mentions found in the window, the oldest first; `rules` are all, in their
    order, as a channel is told once. Labels are those that the machine gives at present. History that came from none of
    the `sources` was imported, which never tells anything."""
    past = _Awake(store, lambda: until)
    wanted = Filter(since=stamp(since - max_age), until=stamp(until + max_age))
    found = [item for item in _stored(store, wanted) if stamp(since) <= item.mention.found_at < stamp(until)]
    for item in sorted(found, key=lambda one: (one.mention.found_at, one.mention.id)):
        mention = item.mention
        if mention.backfill and item.post.source not in sources:
            continue
        if item.post.deleted_at or not any(rule.wants_new(mention, item.post, item.reach) for rule in rules):
            continue
        pairs = [(mention, score) for score in store.scores_of(mention.id)[-1:]]
        raised = raise_alerts(
            rules,
            item.post,
            pairs,
            now=moment(mention.found_at),
            max_age=max_age,
            baseline=bool(mention.backfill),
            desk=desk,
            reach=item.reach,
            past=past,
        )
        yield from (one for one in raised if one[0].rule == name)


def _stored(store: Store, wanted: Filter) -> Iterator[Item]:
    after = ""
    while True:
        page = store.mentions(wanted, after, _PAGE)
        yield from page.items
        if not page.after:
            return
        after = page.after
