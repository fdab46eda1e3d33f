"""One page of the App Store's review feed, as JSON or as Atom, reduced to the same texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connectors import feed
from connectors.contract import Answer
from connectors.errors import BadAnswer
from connectors.fields import Fields

_TOO_DEEP = b"CustomerReviews RSS page depth"
_LAST = re.compile(r"/page=(\d{1,4})/")
_LABELS = {
    "id": "id",
    "title": "title",
    "content": "content",
    "updated": "updated",
    "im:rating": "rating",
    "im:version": "version",
    "im:voteCount": "votes",
    "im:voteSum": "votes_for",
}
_ELEMENTS = {
    "id": "id",
    "title": "title",
    "content": "content",
    "updated": "updated",
    "author_name": "author",
    "author_uri": "author_uri",
    "im_rating": "rating",
    "im_version": "version",
    "im_votes": "votes",
    "im_votes_for": "votes_for",
}

Review = dict[str, str]
"""id, title, content, updated, rating, version, votes, votes_for, author, author_uri; what is missing has no key."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The reviews of a page, newest first.

    `last` is the last page as the feed counts them, 0 where it does not say. `linked`: the feed's links lead somewhere,
    as they do for every app that the store knows. `too_deep`: the store shows no page of that number.
    """

    reviews: Sequence[Review] = ()
    last: int = 0
    linked: bool = True
    too_deep: bool = False


def from_json(answer: Answer, where: str) -> Shown:
    """Raises BadAnswer for anything but a review feed."""
    if answer.body.startswith(_TOO_DEEP):
        return Shown(too_deep=True)
    document = answer.json()
    found = Fields(document, where).one("feed")
    if found is None:
        raise BadAnswer(f'{where} answered without a "feed".')
    given = document["feed"]
    entries = given.get("entry")
    if entries is not None and not isinstance(entries, list):
        entries = [entries]  # the only review there is
    fields = [Fields(entry, where, "a review") for entry in entries or ()]
    # Older feeds begin with the app itself, which nobody rates there.
    reviews = [_labels(review) for review in fields if "im:rating" in review]
    links = _links(given.get("link"))
    last = _LAST.search(links.get("last", ""))
    return Shown(reviews, int(last[1]) if last else 0, linked=any(links.values()) or not links)


def from_atom(answer: Answer, where: str) -> Shown:
    """Each entry has two <content>: the reader keeps the first, which is the bare text. Raises BadAnswer."""
    if answer.body.startswith(_TOO_DEEP):
        return Shown(too_deep=True)
    try:
        entries = feed.parse(answer.body, "utf-8", answer.url).entries
    except BadAnswer as error:
        raise BadAnswer(f"{where} answered {error}.", status=answer.status) from None
    return Shown(
        [
            {ours: entry[theirs] for theirs, ours in _ELEMENTS.items() if theirs in entry}
            for entry in entries
            if "im_rating" in entry
        ]
    )


def _labels(review: Fields) -> Review:
    """Apple wraps each text in an object: {"label": text}. Stripped, as the reader of Atom does."""
    texts = {
        ours: held.text("label").strip() for theirs, ours in _LABELS.items() if (held := review.one(theirs)) is not None
    }
    if (author := review.one("author")) is not None:
        for theirs, ours in (("name", "author"), ("uri", "author_uri")):
            if (held := author.one(theirs)) is not None:
                texts[ours] = held.text("label")
    return texts


def _links(given: Any) -> dict[str, str]:
    """The addresses of the pages around this one, "" for what is not there; {} where the feed has no links at all."""
    links = given if isinstance(given, list) else [given]
    found = {}
    for link in links:
        attributes = link.get("attributes") if isinstance(link, dict) else None
        if isinstance(attributes, dict) and attributes.get("rel") in ("first", "last", "previous", "next"):
            found[attributes["rel"]] = str(attributes.get("href") or "")[:2_000]
    return found
