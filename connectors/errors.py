"""Why a source gave nothing. A caller decides on the class and on `retry_after`, a person reads the message.

FetchError                 network trouble, time-out, a 5xx: try again later
├── RateLimited            429, 503 with Retry-After, an exhausted quota
├── AuthError              401, 403: a person must act
├── Gone                   410 (or a 404 that the connector knows to be final): stop asking
├── BadAnswer              an answer that is not what was asked for: wrong shape, too large, HTML in place of data
├── BlockedAddress         the address is private or not http(s), and nobody allowed it
└── Stopped                it was this program that ended it: nothing was learned of the source
"""

from __future__ import annotations

from datetime import datetime


class FetchError(Exception):
    """One sentence for a person; never holds a secret. `status` is the HTTP status, 0 when there was none.

    `retry_after` is the earliest time (aware UTC) at which the source wants to be asked again, if it said so.
    `answer` is the beginning of the body that came with the status, for connectors that can read it; never shown.
    """

    def __init__(
        self, message: str, *, status: int = 0, retry_after: datetime | None = None, answer: bytes = b""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.answer = answer


class RateLimited(FetchError):
    pass


class AuthError(FetchError):
    pass


class Gone(FetchError):
    pass


class BadAnswer(FetchError):
    pass


class BlockedAddress(FetchError):
    pass


class Stopped(FetchError):
    pass
