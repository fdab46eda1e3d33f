"""The program's own trouble on its way to those who run it: through the outbox, and past it where no outbox works."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from connectors.contract import Http
from connectors.post import short_id
from listener.alerts.channels.contract import DeliveryError
from listener.alerts.ops import Ops, down, ops_notice
from listener.alerts.policy import Policy
from listener.config import Config
from listener.settings import Settings
from storage.contract import Store
from storage.errors import StoreBusy, StoreError, StoreFull
from storage.records import stamp

log = logging.getLogger(__name__)


def policy_of(settings: Settings) -> Policy:
    return Policy(
        digest_above=settings.alerting.digest_above,
        quiet={channel.name: channel.quiet for channel in settings.channels if channel.quiet},
        zone=settings.zone,
        ops=settings.alerting.ops,
        desk=settings.desk.address.rstrip("/"),
    )


class Operations:
    """`store` and `http` (of channels) are asked for when they are needed. `beside` is the database's path: an empty
    file beside it remembers what was told when the database could not."""

    def __init__(
        self,
        config: Config,
        now: Callable[[], datetime],
        store: Callable[[], Store],
        http: Callable[[], Http],
        beside: Path,
    ) -> None:
        self._config = config
        self._now = now
        self._store = store
        self._http = http
        self._beside = beside
        self.ops = Ops(config.settings.alerting.ops)
        self.policy = policy_of(config.settings)

    def look(self) -> None:
        """Tell of sources that have been down for more than a day."""
        store, now = self._store(), self._now()
        watches = [watch for watch in store.watches() if watch.source in self._config.sources]
        for source, sentence in down(watches, now).items():
            self.ops.tell(store, "source_down", source, sentence, now)

    def rule_failed(self, rule: str, error: Exception) -> None:
        self._failed("rule_failed", rule, error)

    def job_failed(self, job: str, error: Exception) -> None:
        """Raises nothing: whoever reports trouble has enough of it."""
        self._failed("job_failed", job, error)

    def store_failed(self, error: StoreError) -> None:
        """A database that is only busy is no trouble yet."""
        if not isinstance(error, StoreBusy):
            self._tell_at_once("disk_full" if isinstance(error, StoreFull) else "database", str(error))

    def _failed(self, what: str, about: str, error: Exception) -> None:
        if isinstance(error, StoreError):
            self.store_failed(error)
            return
        # The words of a stranger's error may hold a secret.
        sentence = f"It failed with {type(error).__name__}; the log says more, `-vv` everything."
        try:
            self.ops.tell(self._store(), what, about, sentence, self._now())
        except StoreError as again:
            self.store_failed(again)

    def _tell_at_once(self, what: str, sentence: str) -> None:
        """Without the outbox: one attempt, once a day."""
        channel, now = self._config.channels.get(self.ops.channel), self._now()
        raised = self.ops.raised(what, "", sentence, now)
        if channel is None or raised is None or not self._is_first(what, now):
            return
        notice = ops_notice(what, "", sentence, now)
        try:
            channel.deliver(notice, key=short_id(raised[0].id), now=now, http=self._http())
        except DeliveryError as error:
            log.warning("the channel %s could not be told of it: %s", self.ops.channel, error)
        except Exception as error:  # a stranger's channel
            log.warning("the channel %s could not be told of it: %s.", self.ops.channel, type(error).__name__)

    def _is_first(self, what: str, now: datetime) -> bool:
        """Whether no process has said it today; an empty file is something that a full disk has room for."""
        mark = self._beside.with_name(f"{self._beside.name}.{stamp(now)[:10]}.{what}.told")
        try:
            for old in self._beside.parent.glob(f"{self._beside.name}.*.told"):
                if stamp(now)[:10] not in old.name:
                    old.unlink()
            mark.touch(0o600, exist_ok=False)
        except FileExistsError:
            return False
        except OSError:
            pass  # this process remembers
        return True
