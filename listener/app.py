"""The composition root: the one place that reads clock, chance and environment, and puts things together."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from connectors.errors import FetchError
from connectors.manners import Shared
from connectors.redact import redact
from listener import registry
from listener.alerts.lookout import Lookout
from listener.alerts.outbox import DrainReport, drain
from listener.alerts.reminders import remind
from listener.alerts.rules import Rule
from listener.alerts.rules.configured import mention_rules, standing_rules
from listener.alerts.rules.past import StoredPast
from listener.calibrations import parameters_for
from listener.config import Config, Source
from listener.databases import beside, open_database
from listener.desk.urgency import flagged
from listener.health import HISTORY, Health, health
from listener.honesty import Honesty, staff
from listener.intake import Intake
from listener.match import Matcher, search_terms
from listener.match.stories import tell_stories
from listener.operations import Operations
from listener.pull import Puller
from listener.schedule import crew
from listener.schedule.engine import Engine, Job, ThreadEngine
from listener.sentiment.contract import Scorer
from listener.sentiment.labels import Thresholds
from listener.sweep import Sweeper
from listener.watches import new_watch
from listener.word_rules import words_of
from storage.contract import Store
from storage.errors import StoreError
from storage.records import Mention, Post, Run, Watch, stamp
from storage.records_desk import Case
from storage.records_scoring import WordRule
from storage.transfer import check_whole

if TYPE_CHECKING:
    from connectors.http import HttpClient

log = logging.getLogger(__name__)

_KEEP_RUNS = timedelta(days=60)
"""For how long single runs are kept; what they came to by day stays."""
_KEEP_LOGINS = timedelta(days=30)


class App:
    """One configuration at work. Parts are built when first used, `close` ends them."""

    def __init__(self, config: Config, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.config = config
        self.now = now
        self.chance = random.Random()
        self.pause: Callable[[float], object] = time.sleep
        self._honesty = Honesty()

    # -- parts

    @cached_property
    def store(self) -> Store:
        store = self.database(self.config.settings.storage.url)
        try:
            store.migrate()
            check_whole(store.side)
        except StoreError as error:
            store.close()
            self.operations.store_failed(error)
            raise
        return store

    @cached_property
    def operations(self) -> Operations:
        return Operations(
            self.config,
            self.now,
            lambda: self.store,
            lambda: self.alert_http,
            beside(self.config.settings.storage.url, self.config.path),
        )

    @cached_property
    def http(self) -> HttpClient:
        """For sources."""
        return self._client(self.config.settings.http.allow_private, crew.shared(self))

    @cached_property
    def alert_http(self) -> HttpClient:
        """For channels: the same guard with a list of its own."""
        return self._client(self.config.settings.alerting.allow_private)

    @cached_property
    def matcher(self) -> Matcher:
        return Matcher(self.config.queries)

    @cached_property
    def scorer(self) -> Scorer:
        return self.scorer_under(self.store.word_rules())

    @cached_property
    def puller(self) -> Puller:
        backoff = self.config.settings.schedule.max_backoff
        return Puller(self.store, self.http, self.intake(self._rules()), self.now, self.chance, backoff)

    @cached_property
    def sweeper(self) -> Sweeper:
        window = self.config.settings.recheck.window
        return Sweeper(self.store, self.http, self.intake(), self.config.sources, self.now, window)

    @cached_property
    def lookout(self) -> Lookout:
        rules = standing_rules(self.config, self.store, self.unasked())
        return Lookout(self.store, rules, self.config.settings.desk.address, self.operations.rule_failed)

    @cached_property
    def lanes(self) -> Mapping[str, str]:
        """Source → the host whose sources take turns."""
        sources = self.config.sources.items()
        return {name: urlsplit(source.connector.address()).netloc or name for name, source in sources}

    def scorer_under(self, rules: Iterable[WordRule], name: str = "", *, calibrated: bool = True) -> Scorer:
        """The scorer as it is, or would be, with these word rules; `name`: another one than the configured.

        Only calibrations that were fitted on this very scorer are used. Raises registry.UnknownPlugin, and ValueError
        when the scorer cannot read the configured languages."""
        settings = self.config.settings
        rivals = {brand.name: brand.rivals for brand in settings.brands}
        build = partial(
            registry.scorer(name or settings.scoring.scorer),
            languages=settings.scoring.languages,
            rivals=rivals,
            thresholds=Thresholds(settings.scoring.silence, settings.scoring.sure),
            words=words_of(rules),
        )
        scorer = build()
        calibrations = parameters_for(self.store.calibrations(), scorer.id) if calibrated else {}
        return build(calibrations=calibrations) if calibrations else scorer

    def intake(self, rules: Sequence[Rule] = ()) -> Intake:
        settings = self.config.settings

        def flag(mention: Mention, post: Post, now: datetime, reach: int | None) -> Case | None:
            return flagged(mention, post, settings, now, reach)

        newest, desk = settings.alerting.max_alert_age, settings.desk.address
        past = StoredPast(self.store, self.now)
        return Intake(self.matcher, self.scorer, rules, newest, staff(settings), flag, desk, past)

    def engine(self) -> Engine:
        """A pool in this process; `crew.engine` is the one that the configuration names."""
        return ThreadEngine(crew.threads(self), self.operations.job_failed)

    def database(self, url: str) -> Store:
        """Opened, not migrated. `url`: sqlite:///… or postgresql://…; raises StoreError for another."""
        return open_database(url, self.config.path.parent)

    def close(self) -> None:
        for name in ("http", "alert_http", "store"):
            if name in self.__dict__:
                getattr(self, name).close()

    # -- verbs

    def warm_up(self) -> None:
        """Build what jobs share: threads that met it unbuilt would each build one."""
        _ = self.puller, self.sweeper, self.alert_http

    def sync_watches(self) -> list[Watch]:
        """Make the stored watches those of the configuration."""
        self.store.sync_watches([new_watch(source, term, self.now()) for source, term in self.questions()])
        return self.store.watches()

    def questions(self) -> list[tuple[Source, str]]:
        """Each source with each of its terms."""
        wanted = dict.fromkeys(term for query in self.config.queries.values() for term in search_terms(query))
        return [
            (source, term)
            for source in self.config.sources.values()
            for term in dict.fromkeys(source.connector.terms(source.settings.terms or tuple(wanted)))
        ]

    def unasked(self) -> list[str]:
        """Sources that no term of the brands' queries can be put to: they hear nothing at all."""
        asked = {source.name for source, _ in self.questions()}
        return [name for name in self.config.sources if name not in asked]

    def pull_job(
        self, watch: Watch, done: Callable[[Watch, Run | None], None], *, due_only: bool = True, staying: bool = False
    ) -> Job:
        """`done` gets the run, or None when somebody else was at it. `staying`: a stream is listened to until the watch
        is due again."""
        source = self.config.sources[watch.source]
        stay = source.interval if staying else timedelta()
        puller = self.puller  # built here if it is not yet: threads that met it unbuilt would each build one

        def pull() -> None:
            done(watch, puller.pull(watch.id, source, due_only=due_only, stay=stay))

        return Job(f"watch:{watch.id}", self.lanes[watch.source], pull, "pull", {"watch": watch.id})

    def deliver(self) -> DrainReport:
        everything = self.store, self.config.channels, self.alert_http, self.now, self.chance
        return drain(*everything, pause=self.pause, policy=self.operations.policy, ops=self.operations.ops)

    def remind(self) -> int:
        """Wake cases whose snooze has ended, and raise the alerts for those past their time: how many there were."""
        past = StoredPast(self.store, self.now)
        return remind(self.store, self._rules(), self.config.settings, self.now(), past.is_quiet)

    def healths(self, watches: Sequence[Watch]) -> list[Health]:
        """Of each watch how well it hears."""
        now = self.now()
        yields = self.store.yields(stamp(now - HISTORY)[:10])
        every = {name: source.interval for name, source in self.config.sources.items()}
        return [health(one, yields.get(one.id), now, every.get(one.source, timedelta())) for one in watches]

    def settle(self) -> None:
        """What new posts bring with them and nobody waits for while they are stored: they are made searchable and get
        their stories. In slices, so that nobody waits for the write lock for long; one process at a time."""
        while self.store.index_posts(2000):
            pass
        with self.store.claim("stories") as mine:
            if mine:
                tell_stories(self.store, self.now())

    def look_out(self) -> None:
        """Let the rules look that look at what is stored; one process at a time."""
        with self.store.claim("rules") as mine:
            if mine:
                self.lookout.look(self.now())

    def keep_honest(self) -> None:
        """Note what has changed under the figures, leave out our own people, and draw today's mentions for people to
        label."""
        sources = ", ".join(sorted(self.config.sources))
        self._honesty.keep(self.store, self.config.settings, self.scorer, sources, self.now())

    def tidy(self) -> None:
        """Forget single runs that nobody looks at any more, in slices so that nobody waits long for the write lock, and
        who logged in, or tried to, from where."""
        now = self.now()
        while self.store.forget_runs(stamp(now - _KEEP_RUNS), 2000):
            pass
        self.store.end_sessions(before=stamp(now))
        self.store.forget_logins(stamp(now - _KEEP_LOGINS))

    def beat(self) -> None:
        """Tell whoever watches this program that it hears something; nothing more than a warning when that fails."""
        heartbeat = self.config.settings.schedule.heartbeat
        if heartbeat is None or all(one.failing for one in self.healths(self.store.watches())):
            return
        url = heartbeat.get_secret_value()
        try:
            self.alert_http.get(url)
        except FetchError as error:
            why = f"HTTP {error.status}" if error.status else type(error).__name__
            log.warning("the heartbeat to %s failed (%s).", redact(url, host_only=True), why)

    # -- details

    def _rules(self) -> list[Rule]:
        return mention_rules(self.config.settings.alerts)

    def _client(self, allow_private: Sequence[str], shared: Shared | None = None) -> HttpClient:
        from connectors.http import HttpClient  # a tenth of a second that who only reads the store need not wait

        http = self.config.settings.http
        return HttpClient(
            user_agent=_user_agent(http.contact),
            now=self.now,
            deadline=http.deadline.total_seconds(),
            max_body=http.max_body,
            gap=None if http.gap is None else http.gap.total_seconds(),
            allow_private=allow_private,
            shared=shared,
        )


def config_path(given: str | None, environment: Mapping[str, str]) -> Path:
    return Path(given or environment.get("LISTENER_CONFIG") or "listener.toml")


def _user_agent(contact: str) -> str:
    return f"brand-listener/{version('brand-listener')}" + (f" (+{contact})" if contact else "")
