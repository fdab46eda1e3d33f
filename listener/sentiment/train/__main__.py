"""`python -m listener.sentiment.train DATA [OUT]` trains a model for every language of DATA.

DATA is JSON lines (compressed when it ends in .gz) with text, label (negative, neutral, positive), lang and, if it is
known, source. OUT, the folder that Listener reads its models from unless told, gets <language>.ftz and
calibration.json; what was measured is written to standard output as the table of the model card. Some three minutes
for 120,000 texts; the same data give the same files.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

from connectors.archive import NoArchive
from listener.sentiment.train.corpus import Corpus, read

_MODELS = Path(__file__).parents[1] / "models"


def main(arguments: Sequence[str]) -> str:
    """What went wrong, in one sentence; "" when nothing did."""
    if len(arguments) not in (1, 2):
        return "say which file holds the labelled texts: python -m listener.sentiment.train DATA [OUT]"
    data, out = Path(arguments[0]), Path(arguments[1]) if len(arguments) == 2 else _MODELS
    try:
        from listener.sentiment.train.everything import train
    except ModuleNotFoundError as missing:
        return (
            f"training needs numpy, scipy and scikit-learn, of which {missing.name} is missing: "
            "pip install 'brand-listener[train]'"
        )
    try:
        corpora = _read(data)
        out.mkdir(parents=True, exist_ok=True)
        files = train(corpora, lambda line: print(line, flush=True))  # noqa: T201  (a program of its own)
        for name, content in files.items():
            (out / name).write_bytes(content)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text, or its compression is broken"
        return f"cannot use {getattr(error, 'filename', None) or data}: {why}"
    except NoArchive as error:
        return f"cannot use {data}: {error}"
    return ""


def _read(data: Path) -> dict[str, Corpus]:
    with gzip.open(data, "rt", encoding="utf-8") if data.suffix == ".gz" else data.open(encoding="utf-8") as lines:
        return read(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or 0)
