"""RSS 0.9x/2.0, RSS 1.0 and Atom in one pass over expat, for bodies that are well-formed XML."""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

from connectors.errors import BadAnswer
from connectors.feed_entry import Channel
from connectors.feed_reader import MAX_ENTRIES, Enough, Reader

_PIECE = 65_536
_LONGEST_TAG = 3 * _PIECE
_MAX_NAMES = 10_000
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=")


class NotWellFormed(Exception):
    """Expat refuses the body; a more patient parser may not."""


def read(body: bytes, charset: str = "") -> Channel:
    """Parses `body`; `charset` is the transport's, used when the document names none.

    Linear in time; holds little more than the texts it returns. Raises NotWellFormed where expat does, BadAnswer for
    XML that is no feed or an attack.
    """
    reader = Reader()
    try:
        parser = _parser(reader, "" if _DECLARED.match(body[:300]) or body[:1] != b"<" else charset)
        view = memoryview(body)
        for at in range(0, len(body), _PIECE):
            parser.Parse(view[at : at + _PIECE], False)
            reader.trim()
            if len(parser.intern) > _MAX_NAMES:
                raise BadAnswer(f"more than {_MAX_NAMES:,} different names of elements and attributes, not a feed")
            if at - parser.CurrentByteIndex > _LONGEST_TAG:
                raise BadAnswer(f"a tag of more than {_LONGEST_TAG // 1024} kB, not a feed")
        parser.Parse(b"", True)
    except Enough:
        reader.channel.gap = f"only the first {MAX_ENTRIES:,} entries of the feed were read"
    except (expat.ExpatError, ValueError, LookupError) as error:
        # Besides its own errors: encodings of more than one byte, unknown ones.
        raise NotWellFormed(str(error)) from None
    return reader.channel


def _parser(reader: Reader, charset: str) -> Any:
    parser = expat.ParserCreate(charset or None, " ")
    parser.buffer_text = True
    parser.buffer_size = _PIECE
    # Undeclared entities (&nbsp;) are then skipped and told, not refused. Nothing is ever loaded: no handler for it.
    parser.UseForeignDTD(True)
    parser.specified_attributes = True
    for declared in ("EntityDeclHandler", "AttlistDeclHandler", "ElementDeclHandler", "NotationDeclHandler"):
        setattr(parser, declared, _refuse_declaration)
    parser.SkippedEntityHandler = reader.skipped_entity
    reader.attach(parser)
    return parser


def _refuse_declaration(*_: object) -> None:
    raise BadAnswer("a feed with a DTD of its own (ENTITY, ELEMENT or ATTLIST), which is how attacks are written")
