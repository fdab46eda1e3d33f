"""How a Discourse forum is talked to: addresses, keys, and what its errors mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from connectors.contract import Http
from connectors.errors import AuthError, FetchError, RateLimited
from connectors.fields import Fields

_LONGEST = 86_400.0  # seconds


class DiscourseApi:
    """`url` is the forum's home, with a path where it lives in a folder."""

    def __init__(self, url: str, key: str, user: str) -> None:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2].lower()
        path = parts.path.rstrip("/")
        self._home = f"{parts.scheme}://{parts.netloc}{path}"
        self.shown = f"{parts.scheme}://{host}{path}"
        """The home without credentials: what links and messages begin with."""
        self.forum = host + path
        """What makes ids global."""
        self._headers = {"Accept": "application/json"} | ({"Api-Key": key, "Api-Username": user} if key else {})

    def ask(self, path: str, http: Http, now: datetime | None, params: Mapping[str, str | int] | None = None) -> Fields:
        """The object that `path` answers; `now` is the time of the pull, None where none is known.

        Raises the errors of `http`, of which those with a body of the forum's own say what it means.
        """
        where = f"{self.shown}{path}"
        try:
            answer = http.get(f"{self._home}{path}", params=params, headers=self._headers)
        except FetchError as error:
            raise self._understood(error, now) from None
        return Fields(answer.json(), where)

    def _understood(self, error: FetchError, now: datetime | None) -> FetchError:
        said = _said(error)
        wait = _wait(said)
        if isinstance(error, RateLimited) and error.retry_after is None and wait is not None and now is not None:
            until = now + timedelta(seconds=min(wait, _LONGEST))
            return RateLimited(
                f"{self.shown} asks for fewer requests: nothing more from it until {until:%Y-%m-%d %H:%M:%S} UTC.",
                status=error.status,
                retry_after=until,
            )
        kind = said.get("error_type")
        if kind == "not_logged_in":
            return AuthError(
                f"{self.shown} shows its posts to members only; set api_key and api_user, from its administrators.",
                status=error.status,
            )
        if kind == "invalid_access":
            return AuthError(
                f"{self.shown} does not let {'the user of this key' if 'Api-Key' in self._headers else 'visitors'} "
                "read this; check api_key and api_user.",
                status=error.status,
                answer=error.answer,
            )
        return error


def is_gone(error: FetchError) -> bool:
    """Whether the forum itself, not something in front of it, said that there is no such thing (any more)."""
    return error.status in (404, 410) and _said(error).get("error_type") == "not_found"


def is_withheld(error: FetchError) -> bool:
    """Whether the forum keeps this one thing to itself: a private category, most often."""
    return error.status == 403 and _said(error).get("error_type") == "invalid_access"


def _wait(said: dict[str, Any]) -> float | None:
    extras = said.get("extras")
    wait = extras.get("wait_seconds") if isinstance(extras, dict) else None
    return wait if isinstance(wait, int | float) and wait >= 0 else None


def _said(error: FetchError) -> dict[str, Any]:
    try:
        document = json.loads(error.answer)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
