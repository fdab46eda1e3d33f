"""Trouble with the program itself: told to those who run it on a channel of their own, never to its audience."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from connectors.post import short_id
from connectors.redact import redact
from listener.alerts.message import one_line
from listener.alerts.notice import Notice, cut
from listener.alerts.rules import Raised, delivery
from storage.contract_alerts import Alerting
from storage.errors import StoreError
from storage.records import Alert, Watch, moment, stamp

log = logging.getLogger(__name__)

DOWN_FOR = timedelta(days=1)
"""So long a source has to fail before those who run the program are told."""

_TITLES = {
    "channel_stopped": "Channel {about} has stopped",
    "dead_letters": "Alerts for {about} were given up",
    "source_down": "Source {about} is down",
    "disk_full": "The disk is full",
    "database": "The database does not work",
    "rule_failed": "Rule {about} fails",
    "job_failed": "{about} fails",
}
_SENTENCE_CHARS = 1_000
_MOST_REMEMBERED = 1_000
_ADDRESS = re.compile(r"(?i)\b(?:https?|smtp)://\S+")
_USER_IN_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*)://[^\s/@]+@")
_OPAQUE = re.compile(r"(?<![\w/])(?=[\w+=-]*\d)(?=[\w+=-]*[A-Za-z])[\w+=-]{20,}")


class Ops:
    """Tells each trouble (of what, about whom) once a day. Where `channel` is "", and of that channel's own trouble,
    only the log speaks."""

    def __init__(self, channel: str = "") -> None:
        self.channel = channel
        self._told: dict[str, None] = {}

    def raised(self, what: str, about: str, sentence: str, now: datetime) -> Raised | None:
        """The alert, with its delivery; None if there is nobody to send it to or it was said before. Says it in the log
        if it was not."""
        its_id = short_id("ops", what, about, stamp(now)[:10])
        if its_id in self._told:
            return None
        self._told[its_id] = None
        while len(self._told) > _MOST_REMEMBERED:
            del self._told[next(iter(self._told))]
        notice = ops_notice(what, about, sentence, now)
        log.warning("%s: %s", notice.title, notice.text)
        if not self.channel or about == self.channel:
            return None
        alert = Alert(its_id, "ops", "", None, stamp(now), notice.to_json())
        return alert, (delivery(alert, self.channel),)

    def tell(self, store: Alerting, what: str, about: str, sentence: str, now: datetime) -> bool:
        """Put it into the outbox; whether there is something to be sent. What was told before is not told again, by
        whichever process."""
        raised = self.raised(what, about, sentence, now)
        if raised is None:
            return False
        try:
            store.add_alerts([raised])
        except StoreError:
            self._told.pop(raised[0].id)  # to be told when the database works again
            raise
        return True


def ops_notice(what: str, about: str, sentence: str, now: datetime) -> Notice:
    """`what` is a key of the titles above."""
    return Notice(
        type=f"ops.{what}",
        found_at=stamp(now),
        rule="ops",
        source="listener",
        title=_TITLES[what].format(about=one_line(masked(about))),
        text=cut(one_line(masked(sentence)), _SENTENCE_CHARS),
    )


def masked(text: str) -> str:
    """Of addresses no more than the host, and nothing that looks like a token: whoever wrote it may not have thought of
    who reads it."""
    hosts = _ADDRESS.sub(lambda found: redact(found[0], host_only=True), text)
    return _OPAQUE.sub("…", _USER_IN_ADDRESS.sub(r"\1://…@", hosts))


def down(watches: Iterable[Watch], now: datetime) -> dict[str, str]:
    """Source → a sentence, for each that has failed for longer than a day."""
    failing: dict[str, list[Watch]] = {}
    for watch in watches:
        if watch.failing_since and now - moment(watch.failing_since) > DOWN_FOR:
            failing.setdefault(watch.source, []).append(watch)
    return {source: _downfall(its) for source, its in failing.items()}


def _downfall(watches: list[Watch]) -> str:
    first = min(watches, key=lambda watch: watch.failing_since or "")
    since = f"{(first.failing_since or '')[:16].replace('T', ' ')} UTC"
    many = f", {len(watches)} of its searches" if len(watches) > 1 else ""
    never = " It is not asked again by itself." if first.closed else ""
    return f"It has failed since {since}{many}. The last error: {first.last_error}{never}"
