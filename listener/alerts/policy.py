"""How much is told, and when: what the configuration says of all channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from listener.alerts.quiet import Quiet

FLOOD = 20
"""So many alerts are told one by one; what waits beyond them becomes one digest."""


@dataclass(frozen=True)
class Policy:
    """`quiet` by channel, on the clocks of `zone`. `ops` names the channel that is told of trouble with the program, ""
    none. `desk` is its address, "" if people have none."""

    digest_above: int = FLOOD
    quiet: Mapping[str, Quiet] = field(default_factory=dict)
    zone: tzinfo = UTC
    ops: str = ""
    desk: str = ""

    def quiet_until(self, channel: str, now: datetime) -> datetime | None:
        """None: it may be told at once."""
        hours = self.quiet.get(channel)
        return hours.until(now, self.zone) if hours else None
