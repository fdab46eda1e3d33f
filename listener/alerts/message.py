"""What a notice says, part by part, for every chat alike; and how a chat makes that fit.

A channel lays `message_of(notice, budget)` out in its own markup and counts in its own unit; `fitted` finds the budget:

    fitted(lambda budget: layout(message_of(notice, budget)), size, limit)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

from listener.alerts.notice import TEXT_CHARS, Digest, Line, Notice

Laid = TypeVar("Laid")
Tone = Literal["good", "bad", "plain"]

LINK_CHARS = 2_000
_ITEM_LINK_CHARS = 700
_ELLIPSIS = "…"
_TOLD = "Too many waited for this channel to be told one by one; all of them are in Listener."
_AFTER = {"case.overdue": "answer overdue"}

# Line and direction controls, which could dress one text up as another; tab and newline stay.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# These match between two signs, where HARMLESS comes in.
_MENTION = re.compile(r"(?<=[@＠])(?=\w)")
_TAG = re.compile(r"(?<=<)(?=\S)")
_MASKED_LINK = re.compile(r"(?<=\])(?=\()")
HARMLESS = "\u200b"
"""A zero-width space: seen by the parser of a chat, not by people."""

_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"\\^`{|}/?#]+[^\s<>\"\\^`{|}]*", re.IGNORECASE)


class Link(NamedTuple):
    """A button, or a link whose words are ours."""

    words: str
    url: str


class Item(NamedTuple):
    """One mention of a digest; `url` is "" if nobody should be sent there."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be said: characters of the quote and of every other field, items of a list, links."""

    quote: int = TEXT_CHARS
    field: int = 300
    items: int = 10
    links: int = 2


@dataclass(frozen=True, slots=True)
class Message:
    """A notice's parts, the most important first; any of them but `head` may be empty.

    Texts are free of controls and as hostile as before otherwise: each channel escapes them. `head`, `title`, `lines`
    and items are of one line. `quote` may have more: what somebody wrote, the summary of a report, the counts of a
    digest. `facts` are (what, its figure). `links` are whole web addresses with words of our own.
    """

    head: str
    title: str = ""
    quote: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    items: tuple[Item, ...] = ()
    lines: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    tone: Tone = "plain"

    @property
    def short(self) -> str:
        """For a notification, where there is room for one line."""
        said = self.title or " · ".join(filter(None, map(one_line, self.quote.split("\n")))).replace(". · ", ". ")
        return f"{self.head}: {said}" if said else self.head


def message_of(notice: Notice, budget: Budget = Budget(), *, longest_link: int = LINK_CHARS) -> Message:
    """What `notice` says within `budget`. A link of more than `longest_link` characters is left out."""
    bounded = notice.bounded(budget.quote, budget.field, budget.items)
    digest, about_post = bounded.digest, notice.type.startswith(("mention.", "case.")) and not notice.digest
    quote = "\n".join(_counts(digest))[: budget.quote] if digest else bounded.text
    told = (one_line(bounded.text) or _TOLD) if digest else _origin(bounded)
    return Message(
        head=one_line(_head(bounded, about_post)) or "Listener",
        title=one_line(bounded.title) if about_post and bounded.brand else "",
        quote=clean(quote).strip(),
        facts=tuple((one_line(what), one_line(said)) for what, said in bounded.facts),
        items=tuple(_item(line) for line in digest.surest) if digest else (),
        lines=tuple(line for line in map(one_line, (told, _why(bounded))) if line),
        links=tuple(_links(notice, longest_link, budget.links)),
        tone=_tone(notice),
    )


def fitted(lay: Callable[[Budget], Laid], size: Callable[[Laid], int], limit: int) -> Laid:
    """What `lay` makes of the largest budget with `size` ≤ `limit`, counted as the receiver does.

    The quote gives way first, and no more of it than it must; then the other fields and the items of lists; a link is
    there whole, or at the very last not at all.
    """
    laid = lay(Budget())
    if size(laid) <= limit:
        return laid
    laid = lay(Budget(quote=0))
    if size(laid) <= limit:
        return _with_longest_quote(laid, lay, size, limit)
    for tighter in (
        *(Budget(0, field, items) for field, items in ((150, 5), (60, 5), (20, 3), (20, 0))),
        *(Budget(0, 20, 0, links) for links in (1, 0)),
    ):
        laid = lay(tighter)
        if size(laid) <= limit:
            break
    return laid


def _with_longest_quote(laid: Laid, lay: Callable[[Budget], Laid], size: Callable[[Laid], int], limit: int) -> Laid:
    fits, too_long = 0, TEXT_CHARS
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        tried = lay(Budget(quote=middle))
        if size(tried) <= limit:
            laid, fits = tried, middle
        else:
            too_long = middle
    return laid


def shorten(text: str, limit: int, show: Callable[[str], str] = str, size: Callable[[str], int] = len) -> str:
    """`text` as `show` escapes it, at most `limit` of `size`, with an ellipsis for what is missing.

    It is cut before it is escaped: no escape is ever cut in two. What is shown is never shorter than what is escaped.
    """
    if len(text) <= limit and size(shown := show(text)) <= limit:
        return shown
    kept, beyond = 0, min(len(text), limit)
    while beyond - kept > 1:
        middle = (kept + beyond) // 2
        if size(show(text[:middle] + _ELLIPSIS)) <= limit:
            kept = middle
        else:
            beyond = middle
    for end in range(kept, -1, -1):  # an escape may depend on what follows: seldom more than one step
        if size(shown := show(text[:end].rstrip(" \t\n\u200d") + _ELLIPSIS)) <= limit:
            return shown
    return ""


def utf16(text: str) -> int:
    """Length in UTF-16 code units: what Discord and Telegram count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8(text: str) -> int:
    """Length in bytes."""
    return len(text.encode("utf-8", "surrogatepass"))


def clean(text: str) -> str:
    """Without control characters, tabs and newlines excepted."""
    return _CONTROLS.sub("", text)


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def harmless(text: str) -> str:
    """So that no chat reads a mention or a masked link in it; it looks as before."""
    return _MASKED_LINK.sub(HARMLESS, _MENTION.sub(HARMLESS, text))


def untagged(text: str) -> str:
    """Harmless, and free of tags where "<" has no escape: <!channel>, <users/all>, <at>."""
    return _TAG.sub(HARMLESS, harmless(text))


def web_address(url: str, limit: int = LINK_CHARS) -> str:
    """`url` if a person may be sent there and it has at most `limit` characters, else ""."""
    return url if len(url) <= limit and _WEB_ADDRESS.fullmatch(url) and clean(url) == url else ""


def _head(notice: Notice, about_post: bool) -> str:
    if not notice.brand or notice.digest:
        return notice.title
    if about_post:
        return f"{notice.brand}: {_AFTER.get(notice.type) or notice.label.replace('_', ' ')}"
    return notice.title if notice.brand in notice.title else f"{notice.brand}: {notice.title}"


def _tone(notice: Notice) -> Tone:
    if notice.label == "promoter" and notice.type not in _AFTER:
        return "good"
    return "bad" if notice.label == "detractor" or notice.type.startswith(("ops.", "case.")) else "plain"


def _origin(notice: Notice) -> str:
    parts = [notice.source]
    if notice.author:
        parts.append(f"by {notice.author}")
    if notice.published_at:
        parts.append(f"{notice.published_at[:16].replace('T', ' ')} UTC")
    if notice.label:
        parts.append(f"score {notice.value:+.2f}, {notice.confidence:.0%} sure")
    return " · ".join(part for part in (*parts, notice.language) if part)


def _why(notice: Notice) -> str:
    parts = [*notice.reasons]
    if notice.rule:
        parts.append(f"rule {notice.rule}")
    if notice.why:
        parts.append(f"matched {', '.join(notice.why)}")
    if notice.explanation:
        parts.append(", ".join(f"{word} {weight:+.2f}" for word, weight in notice.explanation))
    return f"Why you got this: {' · '.join(parts)}" if parts else ""


def _counts(digest: Digest) -> Iterator[str]:
    for count in digest.counts:
        yield f"{count.mentions} × {one_line(f'{count.brand}: {count.label}')}"


def _item(line: Line) -> Item:
    sure = f", {line.confidence:.0%} sure" if line.confidence else ""
    text = f"{line.title.strip() or 'untitled'} ({line.brand}: {line.label}{sure})"
    return Item(one_line(text), web_address(line.url, _ITEM_LINK_CHARS))


def _links(notice: Notice, longest: int, most: int) -> list[Link]:
    """Where one must go, the longest does."""
    links = [Link("Open post", notice.url), Link("Open at the desk", notice.desk)]
    usable = [link for link in links if web_address(link.url, longest)]
    return sorted(sorted(usable, key=lambda link: len(link.url))[:most], key=usable.index)
