"""What every connector is. The suite that checks the obligations is tests/contracts/connectors.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol, runtime_checkable
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

from connectors.post import Checked, Known, Page, Question, Validators


def web_address(url: str) -> str:
    """Raises ValueError for what no request could go to."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no port, a bracket that does not close
        usable = False
    if not usable:
        raise ValueError("must be an http:// or https:// address")
    return url


def _without_credentials(url: str) -> str:
    if "@" in urlsplit(url).netloc:
        raise ValueError("must hold no user and password")
    return url


WebAddress = Annotated[str, AfterValidator(web_address)]
ServiceAddress = Annotated[str, AfterValidator(web_address), AfterValidator(_without_credentials)]
"""Of an API that is signed in to in another way: it appears in messages as it is."""


class Options(BaseModel):
    """Base of each connector's options: unknown keys are errors, secrets are never echoed."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Answer(Protocol):
    """One HTTP answer with a 2xx status (or 304), its body read, inflated and capped."""

    @property
    def status(self) -> int: ...
    @property
    def url(self) -> str:
        """The address that answered, after redirects."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Keys in lower case."""

    @property
    def body(self) -> bytes: ...
    @property
    def unchanged(self) -> bool:
        """304, or a body whose hash equals the validators' one: there is nothing to parse."""

    @property
    def validators(self) -> Validators:
        """To be handed on in the Page once, and only if, the body was understood."""

    @property
    def moved_to(self) -> str:
        """Where 301/308 said this address lives now, else ""."""

    def json(self) -> Any:
        """The body as JSON. Raises BadAnswer for anything else (HTML, too deep, too many values, NaN)."""


class Http(Protocol):
    """The only way out. Polite, guarded and bounded; raises nothing but the errors of connectors.errors."""

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        validators: Validators | None = None,
        host_only: bool = False,
    ) -> Answer: ...

    def post(
        self,
        url: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        follow: bool = True,
    ) -> Answer: ...

    def listen(self, url: str, *, idle: float = 1.0) -> AbstractContextManager[Iterator[bytes | None]]:
        """The messages of a websocket (ws:// or wss://) as they come; None whenever `idle` seconds bring none, so that
        the caller can hand on what it has. Ends when the server closes or the program stops."""


class Line(Protocol):
    """A connection that speaks something other than HTTP. Raises nothing but the errors of connectors.errors."""

    private: bool
    """Whether it leads to a private address, which somebody allowed."""

    def read(self, most: int) -> bytes:
        """What came, at most so many bytes; b"" at the end."""

    def write(self, data: bytes) -> None: ...

    def start_tls(self) -> None:
        """From now on TLS, verified for the host that was dialled."""


@runtime_checkable
class Dials(Protocol):
    """What the way out offers besides HTTP, under the same guard: one connection, with one deadline for all of it."""

    def dial(self, host: str, port: int) -> AbstractContextManager[Line]: ...


class Facts(NamedTuple):
    """What people should know of a source before they rely on it; the README's table of sources shows it.

    `hears` and `misses` say what it brings and what it never can; `key` what access it needs ("none" or the kind of
    key); `duty` what its terms ask of whoever reads it. `every` is the shortest interval that is kind to it, None where
    the user's own `schedule.interval` is. A `stream` keeps its connection, and a thread, for as long as it may.
    """

    hears: str
    misses: str
    key: str = "none"
    duty: str = "quote and link"
    every: timedelta | None = None
    stream: bool = False


@runtime_checkable
class Connector(Protocol):
    """Reads one kind of source.

    Obligations, checked by the contract suite for every connector:
    - the same input gives the same keys, in the same order, oldest first;
    - nothing is lost when items arrive late, share a second or have no date: a timestamp bounds the request,
      it never decides what is new;
    - after a kill between two pages, pulling again from the last stored cursor yields the rest;
    - a wrong shape raises BadAnswer and names the field; an HTML page answering 200 is not an empty result;
    - fields that it does not know are ignored, and those it can do without may be missing;
    - no sleep, retry, log, clock or database inside.
    """

    kind: ClassVar[str]
    """First half of a post's identity. Connectors that read one network in two ways share it."""

    facts: ClassVar[Facts]
    options: ClassVar[type[Options]]

    def __init__(self, options: Any) -> None: ...

    def address(self) -> str:
        """The URL (without secrets) whose host decides which watches must take turns; a file: URL for a source that is
        asked over no network."""

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        """The terms of its watches, one watch each; `wanted` are those that the brands' queries cannot do without.

        A source that searches gives them back in its own spelling; one that is read whole gives ("",), and we match;
        one with parts of its own (countries, channels) names these."""

    def pull(self, question: Question, http: Http) -> Iterator[Page]: ...


@runtime_checkable
class Rechecks(Protocol):
    """What a connector may do besides: ask about stored posts again, to learn of deletions and late edits."""

    def recheck(self, known: Sequence[Known], http: Http) -> Iterator[Checked]:
        """What the source says of each, in any order; those it said nothing of are left out. A post is gone only when
        the source says so in its own words, never because something failed. Raises FetchError."""
