"""Every mistake in a configuration is one sentence with its key, all of them at once, and nothing has happened yet."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener import config, registry
from listener.config import Config, ConfigError
from listener.settings import Settings
from tests.command import ACME, Command

SECRET = "T0P/S3CR3T"
FEED = '[[sources]]\ntype = "feed"\nname = "blog"\nurl = "https://blog.example/feed"\n'
CHAT = f'[[channels]]\nname = "chat"\ntype = "slack"\nurl = "https://hooks.example/{SECRET}"\n'


def _problems(tmp_path: Path, text: str, **environment: str) -> list[str]:
    path = tmp_path / "listener.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(path, environment)
    assert str(caught.value).startswith(f"{path}:")
    return list(caught.value.problems)


def _loaded(tmp_path: Path, text: str, **environment: str) -> Config:
    path = tmp_path / "listener.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return config.load(path, environment)


# -- what is sound


def test_an_empty_file_is_a_configuration(tmp_path: Path) -> None:
    loaded = _loaded(tmp_path, "")
    assert (dict(loaded.queries), dict(loaded.sources), dict(loaded.channels)) == ({}, {}, {})
    assert loaded.settings.schedule.interval == timedelta(minutes=15)


def test_what_is_named_is_built(tmp_path: Path) -> None:
    alert = '[[alerts]]\nname = "sad"\nchannels = ["chat"]\nbrands = ["Acme"]\n'
    loaded = _loaded(tmp_path, ACME + FEED + 'interval = "1m"\nabout = "Acme"\n' + CHAT + alert)
    assert [str(query) for query in loaded.queries.values()] == ["acme"]
    assert loaded.sources["blog"].interval == timedelta(minutes=1)
    assert loaded.sources["blog"].connector.address() == "https://blog.example/feed"
    assert loaded.channels["chat"].per_second == 1.0


def test_a_source_without_a_name_is_called_by_its_type_and_place(tmp_path: Path) -> None:
    unnamed = FEED.replace('name = "blog"\n', "")
    assert list(_loaded(tmp_path, FEED + unnamed).sources) == ["blog", "feed-2"]


def test_secrets_come_from_the_environment_or_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "url.secret").write_text(" https://hooks.example/from-file\n")
    chats = CHAT.replace(f"https://hooks.example/{SECRET}", "file:url.secret") + CHAT.replace(
        f"https://hooks.example/{SECRET}", "env:HOOK"
    ).replace('"chat"', '"other"')
    loaded = _loaded(tmp_path, chats, HOOK=f"https://hooks.example/{SECRET}")
    assert list(loaded.channels) == ["chat", "other"]
    assert SECRET not in repr(loaded.channels)


def test_an_address_of_a_file_is_not_taken_for_a_secret(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, FEED.replace("https://blog.example/feed", "file:///etc/passwd"))
    assert problem == 'sources "blog".url: must be an http:// or https:// address.'


@pytest.mark.parametrize("address", ["", "http://127.0.0.1:8400", "https://desk.example", "https://[::1]:8443"])
def test_the_desk_has_an_address_that_pages_can_follow(tmp_path: Path, address: str) -> None:
    assert _loaded(tmp_path, f'[desk]\naddress = "{address}"\n').settings.desk.address == address


def test_a_proxy_that_names_people_has_a_secret_that_is_told_to_nobody(tmp_path: Path) -> None:
    desk = _loaded(tmp_path, f'[desk]\nproxy_header = "X-User"\nproxy_secret = "{SECRET}"\n').settings.desk
    assert desk.proxy_secret is not None and desk.proxy_secret.get_secret_value() == SECRET
    assert SECRET not in repr(desk)


# -- what is not, one sentence each


MAIL = '[[channels]]\nname = "mail"\ntype = "email"\nhost = "h"\nsender = "a@b.example"\nto = ["c@d.example"]\n'
MISTAKES = [
    ("[htpp]\n", "htpp: there is no such option; did you mean 'http'?"),
    ('[http]\ncontct = "x"\n', "http.contct: there is no such option; did you mean 'contact'?"),
    ("zzz = 1\n", "zzz: there is no such option; there are: alerting, alerts, audit, brands, channels, "),
    ('[schedule]\nthreads = "many"\n', "schedule.threads: Input should be a valid integer"),
    ("[schedule]\nthreads = 0\n", "schedule.threads: Input should be greater than or equal to 1."),
    ('[schedule]\nengine = "celery"\n', "schedule.engine: Input should be 'threads' or 'procrastinate'."),
    ('[schedule]\nengine = "procrastinate"\n', 'schedule.engine: "procrastinate" needs storage.url = "postgresql://…"'),
    ('[schedule]\ninterval = "often"\n', "schedule.interval: 'often' is not a duration: write a number and s, m, h, d"),
    ('[http]\nmax_body = "big"\n', "http.max_body: 'big' is not a size: write a number and kB, MB or GB"),
    ('[http]\nallow_private = ["lan"]\n', 'http.allow_private: "lan" is not understood; write a network such as'),
    ('[alerting]\nallow_private = ["lan"]\n', 'alerting.allow_private: "lan" is not understood; write a network'),
    ("[report]\nmin_coverage = 80\n", "report.min_coverage: Input should be less than or equal to 1."),
    ("[report]\nmin_coverage = nan\n", "report.min_coverage: Input should be "),
    ('[scoring]\nlanguages = ["xx"]\n', "scoring.languages"),
    ('timezone = "Middle/Earth"\n', "timezone: 'Middle/Earth' is not a time zone: write one such as \"Europe/Berlin\"."),
    ("timezone = 2020-01-01\n", "timezone: Input should be a valid string."),
    ('[desk]\nproxy_header = "X-User"\n', "desk: proxy_header needs proxy_secret, or anybody could send that header."),
    ('[desk]\nproxy_header = "X-User"\nproxy_secret = ""\n', "desk: proxy_header needs proxy_secret"),
    (f'[desk]\nproxy_secret = "{SECRET}"\n', "desk: proxy_secret needs proxy_header, the header in which the proxy names"),
    ('[desk]\naddress = "desk.example"\n', "desk.address: must be an http:// or https:// address."),
    ('[desk]\naddress = "ftp://desk.example"\n', "desk.address: must be an http:// or https:// address."),
    ('[desk]\naddress = "https://desk.example/"\n', "desk.address: 'https://desk.example/' must end with the host name or its port, without a slash."),
    ('[desk]\naddress = "https://desk.example "\n', "desk.address: 'https://desk.example ' must end with the host name"),
    ('[desk]\naddress = "https://desk.example/desk"\n', "desk.address: 'https://desk.example/desk' must end with the host name"),
    ('[desk]\nanswer_within = { angry = "4h" }\n', "desk.answer_within.angry.[key]: Input should be 'promoter'"),
    ('[desk]\nanswer_within = { detractor = "soon" }\n', "desk.answer_within.detractor: 'soon' is not a duration"),
    ('[[desk.snippets]]\nname = "Thanks"\n', "desk.snippets[1].text: is missing."),
    ('brands = "Acme"\n', 'brands: must be a list, such as ["one", "two"].'),
    ('[[brands]]\nname = "Acme"\n', "brands[1].query: is missing."),
    (ACME.replace('"acme"', '"acme AND"'), "brands \"Acme\".query: a word, a phrase or a ( is expected after AND at column 9"),
    (ACME + ACME, 'brands "Acme": two have this name; give each its own.'),
    ('[[sources]]\nname = "x"\n', "sources[1].type: is missing."),
    ('[[sources]]\ntype = "hakernews"\n', "sources \"hakernews-1\".type: no source type is called 'hakernews'; did you mean 'hackernews'?"),
    ('[[sources]]\ntype = "fax"\n', "sources \"fax-1\".type: no source type is called 'fax'; there are: "),
    ('[[sources]]\ntype = "no.such:Thing"\n', "sources \"no.such:Thing-1\".type: the source type 'no.such:Thing' cannot be loaded"),
    ('[[sources]]\ntype = "os:path"\n', 'sources "os:path-1".type: '),
    ('[[sources]]\ntype = "json:loads"\n', 'sources "json:loads-1".type: '),
    ('[[sources]]\ntype = "..x:y"\n', 'sources "..x:y-1".type: '),
    ('[[channels]]\nname = "a"\ntype = "os:path"\n', 'channels "a".type: '),
    ('[[sources]]\ntype = "feed"\nname = "blog"\n', 'sources "blog".url: is missing.'),
    (FEED.replace("https", "gopher"), 'sources "blog".url: must be an http:// or https:// address.'),
    (FEED.replace("blog.example", "blog.example:99999999"), 'sources "blog".url: '),
    (FEED.replace("blog.example", "[::1"), 'sources "blog".url: '),
    (FEED + 'genr = "news"\n', "sources \"blog\".genr: there is no such option; did you mean 'genre'?"),
    (FEED + 'genre = "rant"\n', "sources \"blog\".genre: Input should be 'post', 'comment'"),
    (FEED + 'keep = "some"\n', "sources[1].keep: Input should be 'all' or 'mentions'."),
    (FEED + 'about = "Acne"\n', 'sources "blog".about: there is no brand "Acne".'),
    (FEED + FEED, 'sources "blog": two sources have this name; give each its own.'),
    (CHAT + CHAT, 'channels "chat": two channels have this name; give each its own.'),
    (CHAT.replace('"slack"', '"slak"'), "channels \"chat\".type: no channel type is called 'slak'; did you mean 'slack'?"),
    (CHAT.replace("https://", ""), 'channels "chat".url: must be a whole address that begins with https://'),
    (CHAT + "per_second = 0\n", 'channels "chat".per_second: Input should be greater than or equal to 0.05.'),
    ('[[alerts]]\nname = "a"\nchannels = ["chat"]\n', 'alerts "a".channels: there is no channel "chat".'),
    (CHAT + '[[alerts]]\nname = "a"\nchannels = ["chat"]\nbrands = ["Acne"]\n', 'alerts "a".brands: there is no brand "Acne".'),
    (CHAT + '[[alerts]]\nname = "a"\nchannels = ["chat"]\nlabels = ["angry"]\n', "alerts[1].labels[1]: Input should be 'promoter'"),
    ('[[alerts]]\nname = "a"\nchannels = []\n', "alerts[1].channels: must not be empty."),
    (CHAT + '[[alerts]]\nname = "a"\nchannels = ["chat"]\nlabels = []\n', "alerts[1].labels: must not be empty."),
    (MAIL + 'user = "u"\n', 'channels "mail": user and password go together.'),
    (CHAT + ('[[alerts]]\nname = "a"\nchannels = ["chat"]\n' * 2), 'alerts "a": two have this name; give each its own.'),
    (CHAT.replace(f"https://hooks.example/{SECRET}", "env:HOOK"), "channels[1].url: the environment variable HOOK is not set."),
    (CHAT.replace(f"https://hooks.example/{SECRET}", "file:nope"), "channels[1].url: the file nope cannot be read: No such file or directory."),
    (CHAT.replace(f"https://hooks.example/{SECRET}", "file:a\\u0000b"), "channels[1].url: the file a\0b cannot be read"),
    (
        f'[[channels]]\nname = "crm"\ntype = "webhook"\nurl = "https://crm.example"\nsecrets = ["{SECRET}"]\n',
        'channels "crm".secrets[1]: must be whsec_ followed by 24 to 64 random bytes in base64.',
    ),
    (
        '[[channels]]\nname = "crm"\ntype = "webhook"\nurl = "https://crm.example"\nsecrets = ["file:nope"]\n',
        "channels[1].secrets[1]: the file nope cannot be read",
    ),
    ('[desk]\nproxy_header = "X-User"\nproxy_secret = "env:PROXY"\n', "desk.proxy_secret: the environment variable PROXY is not set."),
    ("[storage]\nurl = \"env:DB\"\n", "storage.url: the environment variable DB is not set."),
    ("x = \n", "is not valid TOML: Invalid value (at line 1, column 5)."),
    ("x = 1" + "0" * 5000, "is not valid TOML: "),
    ("x = " + "[" * 5000, "is not valid TOML: "),
    ("[http]\nmax_body = 1" + "0" * 400, "http.max_body: "),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), MISTAKES)
def test_a_mistake_is_one_sentence_with_its_key(tmp_path: Path, text: str, sentence: str) -> None:
    (problem,) = _problems(tmp_path, text)
    assert problem.startswith(sentence)
    assert problem.endswith((".", "?", "there")) and "\n" not in problem
    assert SECRET not in problem


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    text = (
        'timezone = "Nowhere"\n[http]\ncontct = ""\n'
        + ACME.replace('"acme"', '"(acme"')
        + FEED.replace("https", "gopher")
        + CHAT.replace("slack", "slak")
        + '[[alerts]]\nname = "a"\nchannels = ["pager"]\n'
    )
    keys = [problem.partition(": ")[0] for problem in _problems(tmp_path, text)]
    assert sorted(keys) == [
        'alerts "a".channels',
        'brands "Acme".query',
        'channels "chat".type',
        "http.contct",
        'sources "blog".url',
        "timezone",
    ]


def test_one_table_without_a_type_makes_no_mistake_of_the_next_one(tmp_path: Path) -> None:
    text = '[[sources]]\nname = "a"\n[[sources]]\nname = "b"\n' + FEED
    assert _problems(tmp_path, text) == ["sources[1].type: is missing.", "sources[2].type: is missing."]


def test_one_brand_that_is_half_written_leaves_the_others_known(tmp_path: Path) -> None:
    text = '[[brands]]\nname = "A"\n[[brands]]\nname = "B"\n' + ACME + FEED + 'about = "Acme"\n'
    assert _problems(tmp_path, text) == ["brands[1].query: is missing.", "brands[2].query: is missing."]


@pytest.mark.parametrize("table", ["alerts", "brands", "channels", "sources"])
def test_empty_tables_are_mistakes_like_any_other(tmp_path: Path, table: str) -> None:
    assert {problem.partition("[")[0] for problem in _problems(tmp_path, f"[[{table}]]\n" * 3)} == {table}


# -- the file itself


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no such file: `listener init` writes one to start from."),
        (b'timezone = "\xff"', "is not UTF-8 text: save it as UTF-8."),
        ("directory", "cannot be read: Is a directory."),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: object, sentence: str) -> None:
    command = Command(tmp_path, None)
    if isinstance(content, bytes):
        command.config.write_bytes(content)
    elif content:
        command.config.mkdir()
    ended = command("check")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"listener: {command.config}: {sentence}\n"


def test_a_configuration_with_mistakes_has_no_effect(tmp_path: Path) -> None:
    command = Command(tmp_path, ACME + CHAT.replace('"slack"', '"slak"') + "[https]\n")
    for arguments in (["check"], ["pull"], ["report"], ["sources"], ["import", command.file("a.csv", "text\na\n")]):
        ended = command(*arguments)
        assert (ended.code, ended.out) == (2, "")
        assert len(ended.err.splitlines()) == 3  # the file's name and a line for each mistake
        assert SECRET not in ended.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "listener.toml"]


@pytest.mark.parametrize("url", [f"postgresql://listener:{SECRET}@db.example/x", "sqlite:///", f"mysql://{SECRET}"])
def test_a_database_address_that_is_not_understood_is_not_repeated(tmp_path: Path, url: str) -> None:
    ended = Command(tmp_path, f'[storage]\nurl = "{url}"\n')("check")
    assert ended.code == 2
    assert "storage.url" in ended.err and SECRET not in ended.err


def test_a_file_with_secrets_that_others_may_read_is_warned_of(tmp_path: Path) -> None:
    command = Command(tmp_path, CHAT.replace("hooks.example", "hooks.slack.com"))
    assert command("check", "--offline").err == ""
    command.config.chmod(0o644)
    ended = command("check", "--offline")
    assert (ended.code, ended.err.startswith("warning: ")) == (0, True)
    assert "chmod 600" in ended.err and SECRET not in ended.err


def test_advice_on_a_query_is_a_warning(tmp_path: Path) -> None:
    ended = Command(tmp_path, ACME.replace('"acme"', '"app"'))("check")
    assert (ended.code, ended.err.startswith("warning: ")) == (0, True)


# -- whatever is written

_LEAF = st.one_of(
    st.text(max_size=12),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.booleans(),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.sampled_from(
        ["feed", "slack", "env:X", "file:x", "file:", "15m", "10MB", "UTC", "acme", "https://a.example/", "a:b", ":"]
    ),
)
_OPTIONS = sorted(
    {"type", "name", "url", "query", "channels", "labels", "secrets", "terms", "interval", "genre", "about", "brands"}
    | {"interval", "threads", "engine", "max_body", "gap", "allow_private", "contact"}
)
_KEY = st.one_of(st.sampled_from(_OPTIONS), st.text(max_size=8))
_VALUE = st.recursive(
    _LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEY, inner, max_size=4), max_leaves=8
)
_SECTION = st.one_of(
    st.dictionaries(_KEY, _VALUE, max_size=5), st.lists(st.dictionaries(_KEY, _VALUE, max_size=5), max_size=3), _LEAF
)
_TABLE = st.dictionaries(
    st.one_of(st.sampled_from(sorted(Settings.model_fields)), st.text(max_size=5)), _SECTION, max_size=5
)


@settings(max_examples=150, deadline=None)
@given(_TABLE)
def test_any_table_is_a_configuration_or_a_config_error(table: dict[str, Any]) -> None:
    try:
        assert isinstance(config.read(Path("/nowhere/listener.toml"), table, {}), Config)
    except ConfigError as error:
        assert error.problems and all(error.problems)


# -- the registry


def test_every_name_of_the_registry_can_be_loaded_and_has_options() -> None:
    for name in registry.CONNECTORS:
        found = registry.connector(name)
        assert found.kind in registry.CONNECTORS and "extra" in found.options.model_config
        assert found.kind in (name, *name.split("_")) or name == "jetstream", "two ways into one network share its kind"
    for name in registry.CHANNELS:
        assert registry.channel(name).kind == name


def test_a_strangers_class_can_be_named_directly(tmp_path: Path) -> None:
    loaded = _loaded(tmp_path, FEED.replace('"feed"', '"connectors.feed:Feed"'))
    assert loaded.sources["blog"].connector.kind == "feed"
