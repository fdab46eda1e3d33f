"""Plain text, for receivers that read no markup."""

from __future__ import annotations

from collections.abc import Iterator

from listener.alerts.message import Message


def plain(message: Message, *, links: bool = False) -> Iterator[str]:
    """The lines of `message`, its head left out; its links at the end if there are no buttons for them."""
    yield from (text for text in (message.title, message.quote) if text)
    yield from (f"{what}: {said}" for what, said in message.facts)
    yield from (f"• {text}\n{url}" if url else f"• {text}" for text, url in message.items)
    yield from message.lines
    if links:
        yield from (f"{link.words}: {link.url}" for link in message.links)
