"""The linear layer on top of the sentence embeddings, as `train_embeddings` writes it and the scorer reads it."""

from __future__ import annotations

import json
import struct
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from importlib.resources import files
from operator import mul
from typing import NamedTuple

from listener.sentiment.e5 import DIMENSION
from listener.sentiment.model import Triple, softmax

FILE = "embeddings_head.json"
_ROW = f"<{DIMENSION}e"  # half precision is more than the engine's 4-bit weights deserve


class Layer(NamedTuple):
    """Multinomial logistic regression: a row of 384 weights and a bias for each of (detractor, passive, promoter)."""

    rows: tuple[tuple[float, ...], ...]
    biases: Triple

    def logits(self, vector: Sequence[float]) -> Triple:
        # Plain sums, so that no text's score depends on how many others the processor takes with it.
        x, y, z = (sum(map(mul, row, vector)) + bias for row, bias in zip(self.rows, self.biases, strict=True))
        return x, y, z


class Head(NamedTuple):
    """`temperatures` has the languages in which the head was measured, and by how much their logits are divided (Guo et
    al., ICML 2017). `layers` has one for each of them that has labels of all three kinds, and "" for the others."""

    layers: Mapping[str, Layer]
    temperatures: Mapping[str, float]

    def probabilities(self, vector: Sequence[float], language: str) -> Triple:
        """Raises KeyError for a language in which the head was not measured."""
        temperature = self.temperatures[language]
        x, y, z = self.layers[language if language in self.layers else ""].logits(vector)
        return softmax((x / temperature, y / temperature, z / temperature))


def shipped() -> Head:
    """The head that comes with Listener."""
    return from_json(files("listener.sentiment").joinpath(FILE).read_text(encoding="utf-8"))


def to_json(head: Head) -> str:
    """Layers as their biases and their rows of half-precision numbers in base64, a line for each."""
    layers = {
        name: {"biases": layer.biases, "rows": [_packed(row) for row in layer.rows]}
        for name, layer in sorted(head.layers.items())
    }
    temperatures = dict(sorted(head.temperatures.items()))
    return json.dumps({"temperatures": temperatures, "layers": layers}, indent=1) + "\n"


def from_json(text: str) -> Head:
    data = json.loads(text)
    layers = {
        name: Layer(tuple(map(_unpacked, layer["rows"])), _triple(layer["biases"]))
        for name, layer in data["layers"].items()
    }
    return Head(layers, data["temperatures"])


def half(row: Sequence[float]) -> tuple[float, ...]:
    """The row as it will be read again."""
    return _unpacked(_packed(row))


def _packed(row: Sequence[float]) -> str:
    return b64encode(struct.pack(_ROW, *row)).decode()


def _unpacked(row: str) -> tuple[float, ...]:
    return struct.unpack(_ROW, b64decode(row))


def _triple(numbers: Sequence[float]) -> Triple:
    x, y, z = numbers
    return x, y, z
