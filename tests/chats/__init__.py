"""Every chat on the loopback, with the limits, the pace and the words of refusal that it documents.

with Chats(clock) as chats:
    chats["slack"].plan = [Throttle(3), Say(500), RESET, LOST]
    ...  # post to chats.url("slack")
    assert chats["slack"].titles == [...]
"""

from __future__ import annotations

from tests.chats.chat import GONE, LATE, POISON, TAKEN_LATE, Chat, Sent, Throttle, Trouble
from tests.chats.server import Chats
from tests.standins.chat import LOST, RESET, Say

__all__ = [
    "GONE",
    "LATE",
    "LOST",
    "POISON",
    "RESET",
    "TAKEN_LATE",
    "Chat",
    "Chats",
    "Say",
    "Sent",
    "Throttle",
    "Trouble",
]
