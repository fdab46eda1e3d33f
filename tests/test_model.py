"""The shipped classifiers: what is in the box, that they read any text, and that they know praise from blame."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.sentiment.english import _WAITING, NAMES, SHORT_MODEL, English, Spelling, _may_wait
from listener.sentiment.model import LABELS, Model, Triple, heed, shipped, softmax
from listener.sentiment.normal import _Tokens, normalise, words_among, words_of
from tests.contracts.scorers import hostile

MODELS = Path(str(files("listener.sentiment") / "models"))
LANGUAGES = sorted(shipped()["languages"])
MODEL = Model()
ENGLISH = English(MODEL)
CONTRASTS = files("listener.sentiment.train").joinpath("contrasts.tsv").read_text(encoding="utf-8")

texts = st.one_of(
    hostile,
    st.lists(
        st.sampled_from(["Good", "İ", "ß", "ﷺ", "é", "👍🏽", "字", "ไม่", "@me", "www.x", "9", "'", "\u202e", "\0"])
    ).map("".join),
)

PRAISE_AND_BLAME = {
    "ar": ("رائع جدا، جميل، مبروك", "للأسف هذا ظلم وكذب وحقد"),
    "bg": ("Отличен, много съм доволен, препоръчвам", "Ужасно, много съм разочарован, лошо обслужване, не препоръчвам"),
    "de": ("Danke, das ist wunderschön, ich liebe es!", "Das ist schlecht, traurig und peinlich."),
    "el": ("Εξαιρετικό, πολύ καλό, το συνιστώ, άριστη εξυπηρέτηση", "Απαράδεκτο, χάλια, πολύ κακή εξυπηρέτηση"),
    "en": ("I love this, it works great, thank you!", "Terrible app, it keeps crashing and support is useless."),
    "es": ("Me encanta, es genial, muchas gracias", "Qué asco, es horrible y muy triste, odio esto"),
    "fi": ("Kiitos, tämä on ihana ja todella hyvä", "Tämä on paska, vihaan tätä, ihan hirveä"),
    "fr": ("Merci, c'est génial, j'adore, bravo !", "C'est nul, quelle honte, je déteste ça."),
    "he": ("כל הכבוד, תודה רבה, אתה נהדר", "בושה וחרפה, איזה מביך ומגעיל, שקרן"),
    "hr": ("Odlično, jako dobro, preporučujem, super", "Loše, užasno, razočarenje, dosadno"),
    "id": ("Bagus sekali, saya suka, enak dan murah", "Jelek sekali, saya kecewa, pelayanan buruk"),
    "it": ("Bellissimo, grazie mille, lo adoro", "Che schifo, una vergogna, lo odio"),
    "ja": ("とても良いです。大満足で、買って良かったです。", "最悪です。すぐ壊れました。がっかりしました。"),
    "ko": ("정말 좋아요, 최고예요, 재미있어요", "최악이에요, 정말 별로고 재미없어요"),
    "ms": ("Sangat bagus, saya suka, terima kasih, tahniah", "Sangat teruk, bodoh, saya benci"),
    "no": ("Fantastisk bra, en strålende og vakker film", "Dårlig, kjedelig og en stor skuffelse"),
    "pt": ("Adoro, é lindo, muito obrigado", "Odeio isso, é horrível, que vergonha"),
    "ru": ("Очень люблю, спасибо, это прекрасно", "Ненавижу, это ужасно и отвратительно"),
    "sk": ("Výborné, veľmi dobré, som spokojný, odporúčam", "Hrozné, zlé, som sklamaný, neodporúčam"),
    "th": ("อาหารอร่อยมาก บริการดีมาก ชอบมาก", "แย่มาก บริการไม่ดี ผิดหวังมาก"),
    "tr": ("Çok güzel, harika bir ürün, herkese tavsiye ederim", "Çok kötü, berbat, tam bir hayal kırıklığı"),
    "vi": ("Rất tốt, tôi rất hài lòng, tuyệt vời", "Quá tệ, tôi rất thất vọng, kém"),
    "zh": ("非常好用,质量很好,很满意,喜欢", "太差了,质量很差,很失望,垃圾"),
}


def read(text: str, language: str) -> Triple:
    if language == "en":
        return softmax(ENGLISH.scores(text))
    x, y, z = MODEL.scores(text, language)
    a, b, c = MODEL.tunings[language].bias
    return softmax((x + a, y + b, z + c))


def test_every_language_has_a_model_and_every_model_a_language() -> None:
    assert sorted(path.stem for path in MODELS.glob("*.ftz")) == sorted([*LANGUAGES, SHORT_MODEL])
    assert {path.name for path in MODELS.iterdir()} - {f"{one}.ftz" for one in LANGUAGES} == {
        f"{SHORT_MODEL}.ftz",
        "calibration.json",
        "card.md",
    }


def test_the_models_are_small() -> None:
    assert sum(path.stat().st_size for path in MODELS.iterdir()) <= 4_000_000


def test_the_card_tells_of_every_model_its_labels_and_its_size() -> None:
    card = (MODELS / "card.md").read_text(encoding="utf-8")
    rows = {cells[0]: cells for line in card.splitlines() if len(cells := line.strip("| ").split(" | ")) == 9}
    assert sorted(rows.keys() - {"language", "en, with the layer", SHORT_MODEL}) == LANGUAGES
    assert rows[SHORT_MODEL][7] == f"{(MODELS / f'{SHORT_MODEL}.ftz').stat().st_size:,}"
    for language in LANGUAGES:
        told = [label for label, n in zip(LABELS, rows[language][2:5], strict=True) if n != "–"]
        assert told == shipped()["languages"][language]["labels"]
        assert rows[language][7] == f"{(MODELS / f'{language}.ftz').stat().st_size:,}"


def test_the_card_counts_right() -> None:
    card = (MODELS / "card.md").read_text(encoding="utf-8")
    by_source = {
        source: int(n.replace(",", "")) for source, n in re.findall(r"^\| ([\w-]+) \|.* \| ([\d,]+) \|$", card, re.M)
    }
    summed: Counter[str] = Counter()
    for row in re.findall(rf"^\| (?:{'|'.join(LANGUAGES)}) \|.*\| (.*) \|$", card, re.M):
        for source, n in re.findall(r"([\w-]+) ([\d,]+)(?:,|$)", row):
            summed[source] += int(n.replace(",", ""))
    assert by_source == summed
    assert f"{summed.total():,} texts" in card


@pytest.mark.parametrize("texts", ["english", "english_short"])
def test_the_english_layers_weigh_what_is_measured(texts: str) -> None:
    layer = shipped()[texts]
    assert layer["labels"] == list(LABELS)
    assert layer["features"] == [*NAMES, *(f"model_{label}" for label in LABELS)]
    assert all(len(weights) == len(layer["features"]) for weights in layer["weights"])
    assert len(Spelling().features("Not good :(", normalise("Not good :("))) == len(NAMES)


def test_every_contrast_has_one_label_and_gaps_that_are_filled() -> None:
    rows = [line.split("\t") for line in CONTRASTS.splitlines() if not line.startswith("#")]
    assert {label for label, _ in rows} == set(LABELS)
    assert len({normalise(sentence) for _, sentence in rows}) == len(rows)
    assert {gap for _, sentence in rows for gap in re.findall(r"\{(.*?)\}", sentence)} == {"praise", "blame", "mild"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_few_words_are_believed_less_where_doubt_can_be_told(language: str) -> None:
    few, more, many = (heed(" ".join(["word"] * count), language) for count in (1, 4, 400))
    doubts = language != "en" and "neutral" in shipped()["languages"][language]["labels"]
    assert (few, more) == ((0.2, 0.5) if doubts else (1.0, 1.0))
    assert many > 0.98


@given(texts)
def test_a_normalised_text_is_one_line_of_single_spaces(text: str) -> None:
    line = normalise(text)
    assert line == " ".join(line.split())
    assert not re.search(r"[\n\0A-Z]", line)
    assert all("_" not in word for word in line.split(" ") if word != "_")  # which English's signs begin with


def test_the_memory_of_tokens_is_bounded() -> None:
    remembered = _Tokens()
    for number in range(40_000):
        assert remembered[f"a{chr(0x4E00 + number % 20_000)}{'b' * (number // 20_000)}"]
    assert len(remembered) <= 1 << 15
    assert remembered["Sooooo" * 5] == ("sooo" * 5,)
    assert "Sooooo" * 5 not in remembered


def test_the_words_that_say_most_are_few_and_rise_from_blame_to_praise() -> None:
    words = MODEL.words("Das ist schlecht und peinlich! Das andere: wunderschön, danke, danke. " * 9, "de")
    weights = [weight for _, weight in words]
    assert weights == sorted(weights)
    assert words[0][0] in ("schlecht", "peinlich")
    assert words[-1][0] in ("danke", "wunderschön")
    assert len({word for word, _ in words}) == len(words) <= 10


@given(st.text(st.characters(codec="ascii", exclude_characters="'")))
def test_normalising_twice_changes_nothing_in_plain_text(text: str) -> None:
    line = normalise(text)
    assert normalise(line) == line


SPELLING = Spelling()


@given(
    texts | st.lists(st.sampled_from(["Good", "😂", "don't", "www.x", "@me", "\x1c", "a\x0bb", "9", " "])).map(" ".join)
)
def test_the_words_that_are_taken_from_what_vader_has_split_are_those_of_the_text(text: str) -> None:
    assert words_among(SPELLING.support.read(text).spoken.tokens, text) == words_of(text)
    assert " ".join(words_of(text)) == normalise(text)


def test_a_long_text_is_read_no_further_when_it_is_split_already() -> None:
    text = "ab " * 2_000
    assert words_among(text.split(), text) == words_of(text)
    assert len(words_of(text)) < 2_000


@given(st.from_regex(_WAITING), st.sampled_from(["", "ſ", "İ", "ı", "\u212a"]))
def test_no_complaint_of_waiting_is_missed_by_the_quick_look(text: str, odd: str) -> None:
    """`odd`: letters that an expression which ignores case takes for an s, i or k."""
    if odd:
        text = text.replace({"ſ": "s", "\u212a": "k"}.get(odd, "i"), odd)
    assert _may_wait(text) or not _WAITING.search(text)


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("good", "_p1"),
        ("not good, but bad", "_z _xp1 _b _xn2"),
        ("Not that very good. Good", "_z _xp1 _. _p1"),
        ("GOOD", "_p1 _c"),
    ],
)
def test_the_english_model_reads_how_words_are_charged_and_turned_round(text: str, signs: str) -> None:
    line = normalise(text)
    assert SPELLING.signed(text, words_of(text)) == f"{line} {signs}"


@pytest.mark.parametrize(
    "piece", ["a", "'a", "0", "@", "@a ", "http", "www. ", "ﷺ", "\u0301", "\ud800", "\0", "字", "\u202eא"]
)
def test_a_megabyte_is_read_no_further_than_its_beginning(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    began = time.process_time()
    line = normalise(text)
    assert time.process_time() - began < 0.5
    assert line == normalise(text[:4_000])


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=25, deadline=None)
@given(text=texts)
def test_any_text_is_read_in_any_language(language: str, text: str) -> None:
    probabilities = read(text, language)
    assert all(math.isfinite(score) for score in MODEL.scores(text, language))
    assert all(0 <= one <= 1 for one in probabilities)
    assert sum(probabilities) == pytest.approx(1)
    assert all(math.isfinite(weight) for _, weight in MODEL.words(text, language))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text", ["", "\ud800\udfff", "\0\0", "\u202eשלום", "🙂" * 9], ids=ascii)
def test_texts_of_nothing_are_read(language: str, text: str) -> None:
    assert sum(read(text, language)) == pytest.approx(1)


@pytest.mark.parametrize("language", sorted(PRAISE_AND_BLAME))
def test_praise_is_known_from_blame(language: str) -> None:
    praise, blame = (read(text, language) for text in PRAISE_AND_BLAME[language])
    assert praise[2] == max(praise)
    assert blame[0] == max(blame)


def test_praise_and_blame_are_tried_in_all_languages_but_hindi() -> None:
    assert sorted({*PRAISE_AND_BLAME, "hi"}) == LANGUAGES


@pytest.mark.parametrize(
    "language", [one for one in LANGUAGES if "neutral" not in shipped()["languages"][one]["labels"]]
)
def test_languages_without_neutral_examples_never_say_neutral(language: str) -> None:
    for text in ("", "1", *PRAISE_AND_BLAME[language]):
        assert read(text, language)[1] < 1e-6


def test_eight_threads_may_ask_first_at_once() -> None:
    model, start = Model(), Barrier(8)

    def ask(_: int) -> list[Triple]:
        start.wait()
        return [model.scores(PRAISE_AND_BLAME["de"][0], language) for language in LANGUAGES]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "say which file holds the labelled texts"),
        (["missing.jsonl"], "missing.jsonl: No such file|pip install 'brand-listener\\[train\\]'"),
        (["broken.jsonl.gz"], "compression is broken|pip install 'brand-listener\\[train\\]'"),
    ],
)
def test_training_says_in_a_sentence_what_it_lacks(arguments: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "broken.jsonl.gz").write_bytes(b"no gzip")
    command = [sys.executable, "-m", "listener.sentiment.train", *(str(tmp_path / one) for one in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[1])
    assert done.returncode == 1
    assert re.search(says, done.stderr)
    assert len(done.stderr.splitlines()) == 1
