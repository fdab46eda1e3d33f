"""How the Stack Exchange API is talked to: its wrapper, its throttles, its errors.

https://api.stackexchange.com/docs/wrapper, /throttle and /error-handling
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NoReturn

from connectors.contract import Http
from connectors.dates import parse
from connectors.errors import AuthError, FetchError, RateLimited
from connectors.fields import Fields

_LONGEST = timedelta(hours=24)
_WALK = timedelta(minutes=10)
"""No pull takes longer: a server whose clock says so has a wrong one."""
_NO_QUOTA = timedelta(hours=1)
"""The answer to one more request says when the quota is filled again."""
_EVERYTHING = ""

_PARAMETER, _THROTTLED = 400, 502
_ACCESS = {401, 402, 403, 405, 406, 407}
"""error_id, not HTTP status: that is 400 for all of them."""
_SECONDS = re.compile(r"(\d{1,7}) seconds?")


class StackExchangeApi:
    """Safe to share between threads."""

    def __init__(self, base: str, site: str, key: str) -> None:
        self._base = base
        self._always: dict[str, str] = {"site": site} | ({"key": key} if key else {})
        self._site = site
        self._closed: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def url(self, path: str) -> str:
        return f"{self._base}/{path}"

    def ask(self, path: str, params: Mapping[str, str | int], http: Http, now: datetime | None) -> Fields:
        """The wrapper object that `path` answers; `now` is the time of the pull, None where none is known.

        Raises RateLimited, without a request, while the API wants this method to rest; and the errors of `http`, of
        which those with a body of the API's own say what it says.
        """
        method = path if path.startswith("search") else path.partition("/")[0]
        where = self.url(method)
        self._check_open(method, now)
        try:
            answer = http.get(self.url(path), params={**params, **self._always})
        except FetchError as error:
            self._refuse(error, where, now)
        document = Fields(answer.json(), where)
        if "error_id" in document:
            self._refuse(
                FetchError(f"{where} answered with an error.", status=answer.status, answer=answer.body), where, now
            )
        if now is not None:
            told = parse(answer.headers.get("date", "")) or now
            self._note(method, document, min(max(told, now), now + _WALK))
        return document

    def pause(self, now: datetime) -> timedelta | None:
        """How long the API wants to be left alone, None if it does not say."""
        with self._lock:
            last = max(self._closed.values(), default=now)
        return last - now if last > now else None

    def _note(self, method: str, document: Fields, asked: datetime) -> None:
        wait = document.number("backoff") or 0.0
        if wait > 0:
            self._close(method, asked + min(timedelta(seconds=min(wait, 1e6)), _LONGEST))
        if document.count("quota_remaining") == 0:
            self._close(_EVERYTHING, asked + _NO_QUOTA)

    def _close(self, method: str, until: datetime) -> None:
        with self._lock:
            self._closed[method] = max(until, self._closed.get(method, until))

    def _check_open(self, method: str, now: datetime | None) -> None:
        with self._lock:
            until = max((self._closed[one] for one in (method, _EVERYTHING) if one in self._closed), default=None)
        if now is not None and until is not None and until > now:
            raise RateLimited(
                f"{self.url(method)} asked to be left alone until {until:%Y-%m-%d %H:%M:%S} UTC.", retry_after=until
            )

    def _refuse(self, error: FetchError, where: str, now: datetime | None) -> NoReturn:
        """Raises what the API's own words mean, `error` itself where it has none."""
        number, words = _said(error.answer)
        wait = _SECONDS.search(words)
        if number == _THROTTLED or (isinstance(error, RateLimited) and wait):
            until = error.retry_after
            if now is not None and wait:
                until = now + min(timedelta(seconds=int(wait[1])), _LONGEST)
                self._close(_EVERYTHING, until)
            when = f" until {until:%Y-%m-%d %H:%M:%S} UTC" if until else ""
            raise RateLimited(
                f"{where} asks for fewer requests: nothing more from it{when}; a key raises its quota.",
                status=error.status,
                retry_after=until,
            )
        if number == 0:
            raise error
        if number in _ACCESS:
            raise AuthError(f'{where} refuses access ("{words}"); check the key.', status=error.status)
        if number == _PARAMETER:
            raise FetchError(
                f'{where} does not take the request ("{words}"); check the site ("{self._site}") and the key.',
                status=error.status,
            )
        raise FetchError(f'{where} is out of order ("{words}", error {number}).', status=error.status)


def _said(body: bytes) -> tuple[int, str]:
    """error_id (0 where the body is not the API's) and at most 120 characters of error_message."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return 0, ""
    number = document.get("error_id") if isinstance(document, dict) else None
    if type(number) is not int:
        return 0, ""
    words = str(document.get("error_message") or document.get("error_name") or "")
    printable = "".join(character if character.isprintable() else " " for character in words[:120])
    return number, printable.replace('"', "'").strip()
