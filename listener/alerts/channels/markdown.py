"""Markdown as Discord and Mattermost read it: content shown as it was written, links with words of ours."""

from __future__ import annotations

import re

from listener.alerts.message import HARMLESS, Item, Message, clean, untagged

# These match before a sign. Underscores within a word are left alone by both, and stand in many addresses.
_MARKS = re.compile(r"(?=[\\`*~|\[\]])|(?<![A-Za-z0-9])(?=_)|(?=_(?![A-Za-z0-9]))")
_LINE_START = re.compile(r"^[ \t]*(\d{0,9})(?=[#>+=-]|(?<=\d)[.)])", re.MULTILINE)
_ENTITY = re.compile(r"(?<=&)(?=[#A-Za-z])")


def markdown(text: str) -> str:
    """`text` so that it reads as it was written: no markup, mention, masked link, tag or entity."""
    shown = _MARKS.sub(r"\\", untagged(clean(text)))
    return _ENTITY.sub(HARMLESS, _LINE_START.sub(r"\1\\", shown))


def link(words: str, url: str) -> str:
    """Behind `words` of ours. A round bracket would end the address early."""
    return f"[{words}]({url.replace('(', '%28').replace(')', '%29')})"


def links(message: Message) -> str:
    return " · ".join(link(words, url) for words, url in message.links)


def listed(items: tuple[Item, ...]) -> str:
    return "\n".join(
        f"• {markdown(item.text)}" + (f" {link('Open post', item.url)}" if item.url else "") for item in items
    )
