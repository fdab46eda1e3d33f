"""Requests to GitHub's REST and GraphQL APIs, and what their refusals mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from connectors.contract import Answer, Http
from connectors.errors import AuthError, BadAnswer, FetchError, RateLimited
from connectors.fields import Fields
from connectors.manners import retry_after

_SECONDARY = timedelta(minutes=1)
"""What GitHub asks for after a secondary limit that names no time."""

_NAME = re.compile(r"[A-Z_]{1,40}")


class Api:
    """`address` is https://api.github.com, or https://HOST/api/v3 of one's own. `token` "" asks without one."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address.rstrip("/")
        parts = urlsplit(self._address)
        self.base = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        """To be shown: without the credentials that `address` may hold."""
        self._headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def get(
        self, path: str, http: Http, params: Mapping[str, str | int] | None = None, now: datetime | None = None
    ) -> Answer:
        """`now` lets a limit without a time have one."""
        try:
            return http.get(self._address + path, params=params, headers=self._headers)
        except FetchError as error:
            raise self._explained(error, now) from None

    def graphql(self, query: str, variables: Mapping[str, Any], http: Http, now: datetime) -> Fields:
        """The "data" of the answer."""
        address, url = (f"{one.removesuffix('/v3')}/graphql" for one in (self._address, self.base))
        try:
            answer = http.post(address, json={"query": query, "variables": dict(variables)}, headers=self._headers)
        except FetchError as error:
            raise self._explained(error, now) from None
        document = Fields(answer.json(), url)
        kinds = [error.text("type") for error in document.many("errors", "an error", optional=True)]
        if "RATE_LIMITED" in kinds:
            wish = retry_after(answer.headers, now) or now + _SECONDARY
            raise RateLimited(f"{url} has no points left for this hour.", status=200, retry_after=wish)
        data = document.one("data")
        if kinds or data is None:
            named = ", ".join(sorted({kind for kind in kinds if _NAME.fullmatch(kind)})) or "no reason given"
            raise BadAnswer(f"{url} did not answer the question ({named}); check the token's permissions.")
        return data

    def _explained(self, error: FetchError, now: datetime | None) -> FetchError:
        """`error`, or a better one where the body tells more than the status."""
        if error.status == 422:
            return BadAnswer(
                f"{self.base} did not accept the search (HTTP 422); check repositories and qualifiers: "
                "they must exist, and be visible to the token.",
                status=422,
            )
        if error.status == 403 and isinstance(error, AuthError) and b"rate limit" in error.answer.lower():
            return RateLimited(
                f"{self.base} asks for fewer requests (HTTP 403, a secondary limit).",
                status=403,
                retry_after=error.retry_after or (now + _SECONDARY if now else None),
            )
        return error


def gone(error: FetchError) -> bool:
    """Whether the API itself said that there is no such thing (any more)."""
    try:
        said = json.loads(error.answer)
    except (ValueError, RecursionError):
        return False
    return error.status in (404, 410) and isinstance(said, dict) and isinstance(said.get("message"), str)
