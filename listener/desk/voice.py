"""Share of voice as the dashboard shows it: which sources were heard for which brand, and how much was said there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from listener.config import Config, Source
from listener.coverage import SourceHealth
from listener.match import search_terms
from listener.nps.share import ShareOfVoice, share_of_voice
from storage.contract import Store
from storage.records import stamp


def shares(
    store: Store, config: Config, since: datetime, until: datetime, sources: Sequence[SourceHealth]
) -> ShareOfVoice:
    """Of all configured brands; `sources` is how well they were heard in the window."""
    brands = [brand.name for brand in config.settings.brands]
    well = [config.sources[one.source] for one in sources if one.covered and one.source in config.sources]
    heard = {brand: {source.name for source in well if _is_asked(config, source, brand)} for brand in brands}
    counts = {brand: _by_source(store, brand, since, until) for brand in brands} if len(brands) > 1 else {}
    return share_of_voice(counts, heard)


def _by_source(store: Store, brand: str, since: datetime, until: datetime) -> Counter[str]:
    counted: Counter[str] = Counter()
    for tally in store.tallies(brand, stamp(since), stamp(until)):
        if not tally.left_out:
            counted[tally.source] += tally.mentions
    return counted


def _is_asked(config: Config, source: Source, brand: str) -> bool:
    """Whether the source is listened to for that brand as for any other: it is read whole, or asked for every term that
    the brand's query cannot do without."""
    if source.settings.about:
        return source.settings.about == brand
    wanted = [term for query in config.queries.values() for term in search_terms(query)]
    asked = set(source.connector.terms(source.settings.terms or tuple(dict.fromkeys(wanted))))
    own = set(source.connector.terms(search_terms(config.queries[brand])))
    return "" in asked or (bool(own) and own <= asked)
