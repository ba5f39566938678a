"""Reads what the benchmark writes: just enough protobuf, and snappy without copies."""

import struct
from collections.abc import Iterator

Sample = tuple[int, float]  # milliseconds, value
Written = tuple[dict[str, str], list[Sample]]

_LENGTH, _DOUBLE, _VARINT = 2, 1, 0


def read_snappy(block: bytes) -> bytes:
    length, place = _varint(block, 0)
    content = b""
    while place < len(block):
        assert block[place] == 63 << 2, "a literal with four bytes of length"
        size = int.from_bytes(block[place + 1 : place + 5], "little") + 1
        content += block[place + 5 : place + 5 + size]
        place += 5 + size
        assert place <= len(block), "the literal is all there"
    assert len(content) == length
    return content


def read_request(content: bytes) -> list[Written]:
    return [_series(series) for number, series in _fields(content) if number == 1]


def read_labels(content: bytes) -> list[tuple[str, str]]:
    """Return them in the order in which they were written."""
    found = []
    for number, label in _fields(content):
        if number == 1:
            fields = dict(_fields(label))
            found.append((fields[1].decode(), fields[2].decode()))
    return found


def read_samples(content: bytes) -> list[Sample]:
    return [_sample(sample) for number, sample in _fields(content) if number == 2]


def _series(content: bytes) -> Written:
    return dict(read_labels(content)), read_samples(content)


def _sample(content: bytes) -> Sample:
    fields = dict(_fields(content))
    return int.from_bytes(fields[2], "little"), struct.unpack("<d", fields[1])[0]


def _fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number of each field and its bytes; those of a varint are its value."""
    place = 0
    while place < len(content):
        key, place = _varint(content, place)
        kind = key & 7
        if kind == _VARINT:
            value, place = _varint(content, place)
            yield key >> 3, value.to_bytes(8, "little")
            continue
        if kind == _LENGTH:
            size, place = _varint(content, place)
        else:
            assert kind == _DOUBLE
            size = 8
        yield key >> 3, content[place : place + size]
        place += size


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
