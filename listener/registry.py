"""Names to classes: what ships with Listener, what strangers install, what a configuration names directly.

Built-in names are a table, because entry points vanish whenever package metadata does. A stranger adds
an entry point in the group `listener.connectors`, `listener.channels` or `listener.scorers`, or the configuration says
`type = "their.module:Class"` (`scorer = …` for a scorer).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, cast

from connectors.contract import Connector
from listener.alerts.channels.contract import Channel
from listener.sentiment.contract import Scorer

CONNECTORS = {
    "feed": "connectors.feed:Feed",
    "archive": "connectors.archive_folder:ArchiveFolder",
    "hackernews": "connectors.hackernews:HackerNews",
    "mastodon": "connectors.mastodon:Mastodon",
    "bluesky": "connectors.bluesky:BlueskySearch",
    "jetstream": "connectors.jetstream:Jetstream",
    "googlenews": "connectors.googlenews:GoogleNews",
    "appstore": "connectors.appstore:AppStore",
    "steam": "connectors.steam:Steam",
    "stackexchange": "connectors.stackexchange:StackExchange",
    "discourse": "connectors.discourse:Discourse",
    "lemmy": "connectors.lemmy:Lemmy",
    "github": "connectors.github:GitHub",
    "youtube": "connectors.youtube:YouTubeChannel",
    "youtube_comments": "connectors.youtube_comments:YouTubeComments",
    "reddit": "connectors.reddit_oauth:RedditOAuth",
    "reddit_rss": "connectors.reddit:RedditFeed",
    "devto": "connectors.devto:DevTo",
    "amo": "connectors.amo:Amo",
    "odrs": "connectors.odrs:Odrs",
    "jetbrains": "connectors.jetbrains:JetBrains",
    "wordpress": "connectors.wordpress:WordPress",
}
CHANNELS = {
    "slack": "listener.alerts.channels.slack:Slack",
    "discord": "listener.alerts.channels.discord:Discord",
    "teams": "listener.alerts.channels.teams:Teams",
    "mattermost": "listener.alerts.channels.mattermost:Mattermost",
    "googlechat": "listener.alerts.channels.googlechat:GoogleChat",
    "telegram": "listener.alerts.channels.telegram:Telegram",
    "ntfy": "listener.alerts.channels.ntfy:Ntfy",
    "email": "listener.alerts.channels.email:Email",
    "apprise": "listener.alerts.channels.apprise:Apprise",
    "webhook": "listener.alerts.channels.webhook:Webhook",
}
SCORERS = {
    "default": "listener.sentiment.scorer:DefaultScorer",
    "embeddings": "listener.sentiment.embeddings:EmbeddingsScorer",
}


class UnknownPlugin(Exception):
    """One sentence: what was asked for, what there is."""


def connector(name: str) -> type[Connector]:
    return cast("type[Connector]", _find("source", name, CONNECTORS, "listener.connectors"))


def channel(name: str) -> type[Channel]:
    return cast("type[Channel]", _find("channel", name, CHANNELS, "listener.channels"))


def scorer(name: str) -> Callable[..., Scorer]:
    """A class that is built as Class(languages=…, rivals=…, thresholds=…, words=…, calibrations=…), each of them
    optional, and raises ValueError, in a sentence, for languages that it cannot read."""
    return cast("Callable[..., Scorer]", _find("scorer", name, SCORERS, "listener.scorers", has="score_many"))


@cache
def _installed(group: str) -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group=group)}


def _find(what: str, name: str, built_in: dict[str, str], group: str, has: str = "options") -> Any:
    path = built_in.get(name) or _installed(group).get(name) or (name if ":" in name else "")
    if not path:
        names = sorted({*built_in, *_installed(group)})
        close = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(names)}."
        raise UnknownPlugin(f"no {what} type is called '{name}'; {hint}")
    module, _, attribute = path.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:  # a stranger's module may raise anything while it is imported
        raise UnknownPlugin(f"the {what} type '{name}' cannot be loaded from {path}: {error}.") from error
    if not hasattr(found, has):
        raise UnknownPlugin(f"{path} is no {what}: it has no {has}.")
    return found
