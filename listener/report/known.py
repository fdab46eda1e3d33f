"""What the configuration says of the brands that are reported on."""

from __future__ import annotations

from datetime import datetime

from listener.config import Config
from listener.coverage import source_health
from listener.desk.voice import shares
from listener.match import search_terms
from listener.report.gather import Known
from storage.contract import Store


def known(store: Store, config: Config, since: datetime, until: datetime, unasked: list[str]) -> dict[str, Known]:
    """By brand. Their shares of voice are counted only where there is more than one."""
    brands = config.settings.brands
    share = None
    if len(brands) > 1:
        share = shares(store, config, since, until, source_health(store, since, until, unasked))
    return {
        brand.name: Known(brand.rivals, (brand.name, *search_terms(config.queries[brand.name])), share)
        for brand in brands
    }
