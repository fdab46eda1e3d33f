"""One mention: what was said, by whom, where; what the machine and people think of it; the work on it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from listener.desk.claims import Refused
from listener.desk.context import Desk, Entry, desk_of, is_partial, page, user_of
from listener.desk.doing import Order, do, matcher_of, parse_id, parse_order, shown, whole
from listener.desk.marks import Piece, brand_spans, pieces, word_spans
from listener.desk.security import form_of, local_path, see_other
from listener.desk.shown import Label, Row, When, label_of, link, row, rows, sure, weighed, when, words
from listener.settings import SnippetSettings
from storage.records import Post
from storage.records_desk import CaseEvent, Item, Whole
from storage.records_scoring import Review

_READ = 20_000
"""Characters of a text that are searched for the brand and the words: the scorer reads no further."""

_BUILT_IN = (
    SnippetSettings(
        name="Thanks",
        text="Hi {author}, thank you for the kind words about {brand}! They made our day.",
        labels=("promoter", "passive"),
    ),
    SnippetSettings(
        name="Apology",
        text="Hi {author}, I am sorry that {brand} let you down. I would like to put this right: could you tell me a "
        "little more about what happened, here or in a private message?",
        labels=("detractor",),
    ),
)
_PLACEHOLDER = re.compile(r"\{(author|brand|link)\}")
_UNREAD = {"language": "its language is not one that is read here", "empty": "it holds no words"}


class Machine(NamedTuple):
    """What the machine thinks, and why: `words` that carried it, each with its weight and whether it praises.
    `unread` says why nobody could read it, "" otherwise."""

    label: Label
    unread: str
    language: str
    scorer: str
    words: list[tuple[str, str, bool]]
    earlier: list[tuple[When, str, str]]


class Said(NamedTuple):
    """A person's label; `blind`: given in an audit."""

    label: Label
    at: When
    blind: bool
    undone: bool


class Happened(NamedTuple):
    """One line of the trail. `note` is the text of a private note, "" for others."""

    id: str
    at: When
    who: str
    did: str
    note: str
    undone: bool


class Snippet(NamedTuple):
    name: str
    text: str
    fits: bool


def mention(request: Request) -> Response:
    desk, user = desk_of(request), user_of(request)
    found = whole(desk, parse_id(request.path_params["id"])[0])
    return page(request, "mention.html", **_values(request, desk, user.name, found))


def act(request: Request) -> Response:
    """Form fields: action, value (or both as one, "label:promoter"), back, seen."""
    desk, user, form = desk_of(request), user_of(request), form_of(request)
    mention_id = parse_id(request.path_params["id"])[0]
    action, value = parse_order(str(form.get("action", "")))
    order = Order(action, value or str(form.get("value", "")), user.name, str(form.get("seen", "")), user.role)
    back = local_path(str(form.get("back", "")), f"/mentions/{mention_id}")
    try:
        said, status = do(desk, mention_id, order), 200
    except Refused as error:
        said, status = str(error), 409
    if not is_partial(request):
        return see_other(back, said)
    again = shown(request, whole(desk, mention_id).item, user.name)
    return page(request, "_rows.html", status, rows=[again], after="", asked=None, back=back, said=said)


def _values(request: Request, desk: Desk, user: str, found: Whole) -> Mapping[str, Any]:
    now, zone, item = desk.now(), desk.zone, found.item
    shows: Row = row(item, matcher_of(request), user, now, zone)
    others = {
        name: rows(as_blind_as(item, items), matcher_of(request), user, now, zone)
        for name, items in (("by_author", found.by_author), ("in_thread", found.in_thread), ("alike", found.alike))
    }
    title, text = _marked(request, found)
    return {
        "row": shows,
        "title": title,
        "text": text,
        "author": found.author and found.author._replace(url=link(found.author.url)),
        "machine": None if shows.blind else _machine(found, now, zone),
        "reviews": [] if shows.blind else [_said(one, now, zone) for one in reversed(found.reviews)],
        "trail": [
            _happened(event, now, zone) for event in reversed(found.events) if not (shows.blind and tells(event))
        ],
        "revisions": [(when(at, now, zone), was, text) for at, was, text in reversed(found.revisions)],
        "snippets": snippets(desk.config.settings.desk.snippets, item),
        "people": [one.name for one in desk.store.users() if one.disabled_at is None and one.role != "viewer"],
        "answered": when(item.case.answered_at, now, zone) if item.case and item.case.answered_at else None,
        "thanked": when(item.case.thanked_at, now, zone) if item.case and item.case.thanked_at else None,
        "published": when(item.post.published_at or item.post.first_seen_at, now, zone),
        "edited": when(item.post.edited_at, now, zone) if item.post.edited_at else None,
        "why": _why(item.mention.why),
        "back": f"/mentions/{item.mention.id}",
        **others,
    }


def as_blind_as(item: Item, others: Sequence[Item]) -> Sequence[Item]:
    """What the machine thinks of a text much like this one tells what it thinks of this one."""
    return [one._replace(audit_id=one.audit_id or item.audit_id) for one in others]


def _marked(request: Request, found: Whole) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Title and text in pieces: where the brand stands, and, unless that is to stay hidden, what carried the score."""
    item = found.item
    post = item.post
    said = [] if item.audit_id or not found.scores else weighed(found.scores[-1].explanation)
    of_title, of_text = brand_spans(matcher_of(request), post, item.mention.brand, _READ)
    title = pieces(post.title, [*of_title, *word_spans(post.title, said)])
    text = pieces(post.text, [*of_text, *word_spans(post.text[:_READ], said)])
    return title, text


def _machine(found: Whole, now: datetime, zone: tzinfo) -> Machine:
    mention = found.item.mention
    holds = found.scores[-1] if found.scores else None
    said = weighed(holds.explanation) if holds else []
    return Machine(
        label_of(mention.label or "unscored", sure=sure(mention.confidence) if mention.label else ""),
        _UNREAD.get(mention.unscored, mention.unscored) if mention.label is None else "",
        mention.language,
        mention.scorer,
        [(word, f"{weight:+.1f}".replace("-", "−"), weight > 0) for word, weight in said],
        [(when(one.scored_at, now, zone), words(one.label or "unscored"), one.scorer) for one in found.scores[:-1]],
    )


def _why(text: str) -> list[str]:
    try:
        return [str(one) for one in json.loads(text)]
    except (ValueError, TypeError):
        return []


_DID = {
    "labelled": "labelled it {}",
    "not_us": "said it is not us",
    "assigned": "assigned it to {}",
    "released": "gave it back",
    "answered": "answered it",
    "thanked": "thanked the author",
    "ignored": "set it aside: ignored",
    "snoozed": "snoozed it until {}",
    "noted": "noted",
    "reopened": "opened it again",
    "undone": "undid what was done before",
    "woken": "woke it: its snooze has ended",
    "taken away upstream": "closed it: its source took the post away",
}


_NEVER_UNDONE = ("undone", "taken away upstream")


def _said(review: Review, now: datetime, zone: tzinfo) -> Said:
    label = label_of(review.label, review.reviewer)
    return Said(label, when(review.reviewed_at, now, zone), review.sampled_by == "audit", review.undone_at is not None)


def tells(event: CaseEvent) -> bool:
    return event.what in ("labelled", "not_us", "undone")


def _happened(event: CaseEvent, now: datetime, zone: tzinfo) -> Happened:
    detail = when(event.detail, now, zone).exact if event.what == "snoozed" else words(event.detail)
    did = _DID.get(event.what, words(event.what)).format(detail)
    who = event.who or "Listener"
    if event.what == "assigned" and event.detail == event.who:
        did = "took it"
    if event.what == "reopened" and not event.who:
        did = "opened it again: the author has written more"
    note = event.detail if event.what == "noted" else ""
    undone = event.undone_at is not None and event.what not in _NEVER_UNDONE
    return Happened(event.id, when(event.happened_at, now, zone), who, did, note, undone)


def snippets(configured: Sequence[SnippetSettings], item: Item) -> list[Snippet]:
    """Replies to copy, filled in: those that fit the label come first, unless it is hidden."""
    label = "" if item.audit_id else item.review.label if item.review else item.mention.label or ""
    filled = [
        Snippet(one.name, _filled(one.text, item.post, item.mention.brand), not one.labels or label in one.labels)
        for one in configured or _BUILT_IN
    ]
    return filled if item.audit_id else sorted(filled, key=lambda one: not one.fits)


def _filled(text: str, post: Post, brand: str) -> str:
    """In one pass: what an author calls themselves is never looked into."""
    values = {"author": post.author or "there", "brand": brand, "link": post.url}
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


ENTRIES = (
    Entry("/mentions/{id}", mention),
    Entry("/mentions/{id}/act", act, "reviewer", ("POST",)),
)
