"""What was said, to which channel, and what came of it: what `listener alerts list` shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, get_args
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from listener.alerts.message import one_line
from listener.alerts.notice import Notice, cut
from listener.alerts.outbox import drop, replay
from listener.desk.context import Desk, Entry, desk_of, page
from listener.desk.filters import page_key
from listener.desk.security import form_of, local_path, see_other
from listener.desk.shown import When, when
from listener.operations import policy_of
from storage.records import DeliveryState, Outgoing, stamp

STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)
_PAGE = 50
_TITLE_CHARS = 150
_LONGEST_NAME = 200


class Sent(NamedTuple):
    """A delivery. `what` is its first words, `kind` what it speaks of; no label of a mention: somebody may be about to
    label it blind. `following`: when it is tried, None if it is not or is now."""

    id: str
    state: DeliveryState
    channel: str
    kind: str
    what: str
    mention_id: str
    tries: int
    error: str
    raised: When
    sent: When | None
    following: When | None


class Place(NamedTuple):
    """A channel: its counts by state, and what keeps it from sending (`stopped` a sentence, `until` a time, in `quiet`
    hours or because the receiver said so)."""

    name: str
    known: bool
    counts: Mapping[DeliveryState, int]
    stopped: str
    until: When | None
    quiet: bool


class Narrowed(NamedTuple):
    """What the list is narrowed to, as it stands in the URL."""

    channel: str
    state: DeliveryState | None
    after: str

    def link(self, **changed: str) -> str:
        """The page with other filters; "" takes one away, and every change begins at the top."""
        values = {"channel": self.channel, "state": self.state or ""} | changed
        query = urlencode({name: value for name, value in values.items() if value})
        return f"/deliveries?{query}" if query else "/deliveries"


def deliveries(request: Request) -> Response:
    desk, narrowed = desk_of(request), _narrowed(request)
    found = desk.store.delivery_page(narrowed.channel, narrowed.state, narrowed.after, _PAGE)
    return page(
        request,
        "deliveries.html",
        narrowed=narrowed,
        states=STATES,
        places=_places(desk),
        sent=[_sent(one, desk) for one in found.deliveries],
        after=found.after,
        back=narrowed.link(after=narrowed.after),
    )


def act(request: Request) -> Response:
    """Form fields: action (replay, drop) with value, a delivery's id, or action replay with a channel; back."""
    desk, form = desk_of(request), form_of(request)
    action, its_id, channel = (str(form.get(name, ""))[:_LONGEST_NAME] for name in ("action", "value", "channel"))
    back = local_path(str(form.get("back", "")), "/deliveries")
    if action == "replay" and (its_id or channel):
        many = replay(desk.store, desk.now(), channel=channel, delivery_ids=(its_id,) if its_id else ())
        return see_other(back, f"{many} will be tried again." if many else "There was nothing to try again.")
    if action == "drop" and its_id:
        return see_other(back, "Dropped." if drop(desk.store, (its_id,)) else "That is not waiting any more.")
    raise HTTPException(400, "That cannot be done to a delivery.")


def _narrowed(request: Request) -> Narrowed:
    params = request.query_params
    state = next((one for one in STATES if one == params.get("state")), None)
    if params.get("state") and state is None:
        raise HTTPException(400, f"There is no state '{params['state'][:60]}'; there are {', '.join(STATES)}.")
    channel = params.get("channel", "")
    if len(channel) > _LONGEST_NAME:
        raise HTTPException(400, "There is no such channel.")
    return Narrowed(channel, state, page_key(params))


def _places(desk: Desk) -> list[Place]:
    counted = desk.store.delivery_counts()
    names = dict.fromkeys((*desk.config.channels, *sorted({name for name, _ in counted})))
    return [_place(desk, name, {state: counted.get((name, state), 0) for state in STATES}) for name in names]


def _place(desk: Desk, name: str, counts: Mapping[DeliveryState, int]) -> Place:
    now = desk.now()
    open_at, stopped = desk.store.channel(name)
    quiet = policy_of(desk.config.settings).quiet_until(name, now)
    until = stamp(quiet) if quiet else open_at
    closed = when(until, now, desk.zone) if until > stamp(now) else None
    return Place(name, name in desk.config.channels, counts, stopped, closed, quiet is not None)


def _sent(outgoing: Outgoing, desk: Desk) -> Sent:
    one, alert, now = outgoing.delivery, outgoing.alert, desk.now()
    waits = one.state == "waiting" and one.next_try_at > stamp(now)
    try:
        notice = Notice.from_json(alert.notice)
        kind, what = notice.type.partition(".")[0], one_line(notice.title or notice.text)
    except ValueError:
        kind, what = "", "(cannot be read)"
    return Sent(
        id=one.id,
        state=one.state,
        channel=one.channel,
        kind=f"{alert.brand} {kind}".strip(),
        what=cut(what, _TITLE_CHARS) or "(no text)",
        mention_id=alert.mention_id or "",
        tries=one.attempts,
        error=one.last_error,
        raised=when(alert.raised_at, now, desk.zone),
        sent=when(one.sent_at, now, desk.zone) if one.sent_at else None,
        following=when(one.next_try_at, now, desk.zone) if waits else None,
    )


ENTRIES = (
    Entry("/deliveries", deliveries, "reviewer"),
    Entry("/deliveries", act, "admin", ("POST",)),
)
