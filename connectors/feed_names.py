"""The vocabulary of feeds: which element of which namespace means what.

Keys are what `feed_entry.to_post` reads. Namespaces are matched by address, never by prefix.
"""

from __future__ import annotations

from connectors.errors import BadAnswer

ITEM, ROOT, SKIP, PERSON = "item", "root", "skip", "author"
"""Elements that are containers: an entry, the feed, something about somebody else, an author."""

SOURCE = "source"
"""A text in RSS, a container in Atom."""

BODIES = ("encoded", "content", "summary", "media", "itunes_summary", "dc_description")
"""Where the text of an entry may be, the fullest first."""

XML = "http://www.w3.org/XML/1998/namespace "
RDF_ABOUT = "http://www.w3.org/1999/02/22-rdf-syntax-ns# about"

_SPACES = {
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/elements/1.0/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://purl.org/rss/1.0/modules/content/": "content",
    "http://purl.org/rss/1.0/modules/syndication/": "sy",
    "http://purl.org/rss/1.0/modules/slash/": "slash",
    "http://purl.org/syndication/thread/1.0": "thr",
    "http://search.yahoo.com/mrss/": "media",
    "http://search.yahoo.com/mrss": "media",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "http://itunes.apple.com/rss": "im",
    "http://www.w3.org/1999/xhtml": "xhtml",
}
_CORE_SPACES = frozenset(
    {
        "",
        "http://www.w3.org/2005/atom",
        "http://purl.org/atom/ns#",
        "http://example.com/newformat#",
        "http://example.com/necho",
        "http://purl.org/echo/",
        "uri/of/echo/namespace#",
        "http://purl.org/pie/",
        "http://purl.org/rss/1.0/",
        "http://purl.org/net/rss1.1#",
        "http://my.netscape.com/rdf/simple/0.9/",
        "http://channel.netscape.com/rdf/simple/0.9/",
        "http://my.netscape.com/publish/formats/rss-0.91.dtd",
        "http://backend.userland.com/rss",
        "http://backend.userland.com/rss2",
        "http://backend.userland.com/rss091",
        "http://blogs.law.harvard.edu/tech/rss",
        "http://www.rssboard.org/rss-specification",
        "http://feeds.archive.org/validator/",
    }
)

_KEYS = {
    "rss": ROOT, "feed": ROOT, "rdf": ROOT, "channel": ROOT, "rdf:rdf": ROOT, "rdf:channel": ROOT,
    "item": ITEM, "entry": ITEM, "rdf:item": ITEM,
    "source": SOURCE, "contributor": SKIP, "image": SKIP, "textinput": SKIP, "rdf:image": SKIP,
    "itunes:owner": SKIP, "media:credit": SKIP,
    "title": "title", "rdf:title": "title", "dc:title": "dc_title", "media:title": "dc_title",
    "link": "link", "rdf:link": "link",
    "id": "id", "guid": "id", "dc:identifier": "dc_identifier",
    "content:encoded": "encoded", "fullitem": "encoded", "content": "content", "xhtml:body": "content",
    "summary": "summary", "description": "summary", "abstract": "summary", "rdf:description": "summary",
    "media:description": "media", "itunes:summary": "itunes_summary", "dc:description": "dc_description",
    "pubdate": "published", "published": "published", "issued": "published",
    "dc:date": "date", "dcterms:issued": "date", "dcterms:created": "created", "created": "created",
    "updated": "updated", "modified": "updated", "dcterms:modified": "updated",
    "author": PERSON, "dc:creator": "creator", "itunes:author": "itunes_author", "dc:author": "creator",
    "name": "author_name", "email": "author_email", "uri": "author_uri", "url": "author_uri",
    "homepage": "author_uri",
    "language": "language", "dc:language": "language",
    "ttl": "ttl", "hour": "hour", "day": "day", "sy:updateperiod": "period", "sy:updatefrequency": "frequency",
    "slash:comments": "comments", "thr:total": "comments", "media:statistics": "views",
    "im:rating": "im_rating", "im:version": "im_version", "im:votesum": "im_votes_for", "im:votecount": "im_votes",
}  # fmt: skip

PERSON_PARTS = frozenset({"author_name", "author_email", "author_uri"})
REPEATED = frozenset({"hour", "day"})
FIELDS = frozenset(_KEYS.values()) - {ROOT, ITEM, SKIP, PERSON, SOURCE} - PERSON_PARTS - REPEATED
"""Elements that hold one text."""

_MOST_NAMES = 3_000


class Names(dict[str, str]):
    """Expat's "namespace local" -> key, "" for what means nothing to us; remembers each name of one document."""

    def __init__(self) -> None:
        super().__init__()
        self._root_space: str | None = None

    def __missing__(self, name: str) -> str:
        space, _, local = name.rpartition(" ")
        space, local = space.lower(), local.lower()
        if self._root_space is None:
            self._root_space = space  # the root decides what "no namespace" means in a home-made dialect
        if space in _CORE_SPACES or (space == self._root_space and space not in _SPACES):
            key = _KEYS.get(local, "")
        else:
            key = _KEYS.get(f"{_SPACES.get(space, '?')}:{local}", "")
        if len(self) >= _MOST_NAMES:
            raise BadAnswer(f"more than {_MOST_NAMES:,} different element names, this is not a feed")
        self[name] = key
        return key
