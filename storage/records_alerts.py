"""What the pages about deliveries read; see `storage.records`."""

from __future__ import annotations

from typing import NamedTuple

from storage.records import Outgoing


class DeliveryPage(NamedTuple):
    """Some of the deliveries; `after` is the key of the page that follows, "" at the end."""

    deliveries: list[Outgoing]
    after: str
