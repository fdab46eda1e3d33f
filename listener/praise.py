"""Which praise may be quoted, once its author says yes."""

from __future__ import annotations

import re

from storage.records_desk import Item

_SURE = 0.7
_SHORTEST, _LONGEST = 20, 300
_FEWEST_WORDS = 4

_LINK = re.compile(r"(?:https?://|www\.)\S+")


def is_quotable(item: Item) -> bool:
    """Praise that is short, says something besides links, and is sure to be praise; never one that a blind audit waits
    for, whose label is nobody's to see."""
    mention, post = item.mention, item.post
    label = item.review.label if item.review else mention.label
    sure = item.review is not None or mention.confidence >= _SURE
    text = (post.text or post.title).strip()
    says = len(_LINK.sub(" ", text).split()) >= _FEWEST_WORDS
    standing = post.deleted_at is None and not item.audit_id and not mention.left_out
    return label == "promoter" and sure and says and standing and _SHORTEST <= len(text) <= _LONGEST
