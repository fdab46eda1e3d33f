"""What every connector is. The suite that checks the obligations is tests/contracts/connectors.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Protocol, runtime_checkable
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

from connectors.post import Page, Question, Validators


def _web_address(url: str) -> str:
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


WebAddress = Annotated[str, AfterValidator(_web_address)]


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


@runtime_checkable
class Connector(Protocol):
    """Reads one kind of source.

    Obligations, checked by the contract suite for every connector:
    - the same input gives the same keys, in the same order, oldest first;
    - nothing is lost when items arrive late, share a second or have no date: a timestamp bounds the request,
      it never decides what is new;
    - after a kill between two pages, pulling again from the last stored cursor yields the rest;
    - a wrong shape raises BadAnswer and names the field; an HTML page answering 200 is not an empty result;
    - no sleep, retry, log, clock or database inside.
    """

    kind: ClassVar[str]
    searches: ClassVar[bool]
    """True: the source is asked for `question.term`. False: a whole feed is read and we match."""

    options: ClassVar[type[Options]]

    def __init__(self, options: Any) -> None: ...

    def address(self) -> str:
        """The URL (without secrets) whose host decides which watches must take turns."""

    def pull(self, question: Question, http: Http) -> Iterator[Page]: ...
