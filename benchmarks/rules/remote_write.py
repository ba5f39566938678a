"""Prometheus's remote-write format, version 0.1: a protobuf message in a snappy block.

    WriteRequest { repeated TimeSeries timeseries = 1; }
    TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2; }
    Label        { string name = 1; string value = 2; }
    Sample       { double value = 1; int64 timestamp = 2; }  // milliseconds

Written by hand, since it is this small and a million samples have to be made in a few seconds:
labels are encoded once for each series, and samples once for all series of the same course.
"""

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}

_FIRST, _SECOND = b"\x0a", b"\x12"  # the fields 1 and 2, with a length
_DOUBLE = struct.Struct("<cd")
_LITERAL = bytes([63 << 2])  # a literal whose length follows in four bytes


def varint(number: int) -> bytes:
    """Encode a number that is not negative, seven bits to a byte, the lowest first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def encode_labels(name: str, labels: Mapping[str, str]) -> bytes:
    """Encode the labels of a series in the order that Prometheus asks for, and drop empty ones."""
    pairs = sorted((("__name__", name), *labels.items()))
    return b"".join(_label(*pair) for pair in pairs if pair[1])


def encode_samples(samples: Iterable[tuple[int, float]]) -> bytes:
    """Encode pairs of a Unix time in seconds and a value, oldest first."""
    return b"".join(_sample(moment, value) for moment, value in samples)


def encode_series(labels: bytes, samples: bytes) -> bytes:
    """Encode a part of a request from what the two functions above made."""
    return b"".join((_FIRST, varint(len(labels) + len(samples)), labels, samples))


def snappy_block(content: bytes) -> bytes:
    """Wrap the content as one literal: valid snappy that saves the time of compressing."""
    if not content:
        return varint(0)
    length = struct.pack("<I", len(content) - 1)
    return b"".join((varint(len(content)), _LITERAL, length, content))


@lru_cache(maxsize=100_000)
def _label(name: str, value: str) -> bytes:
    fields = _text(_FIRST, name) + _text(_SECOND, value)
    return _FIRST + varint(len(fields)) + fields


def _text(field: bytes, text: str) -> bytes:
    encoded = text.encode()
    return field + varint(len(encoded)) + encoded


def _sample(moment: int, value: float) -> bytes:
    fields = _DOUBLE.pack(b"\x09", value) + b"\x10" + varint(moment * 1_000)
    return _SECOND + varint(len(fields)) + fields
