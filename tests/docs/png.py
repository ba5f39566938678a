"""Pictures made small: Chromium writes three bytes for each pixel, where one is enough here."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST = 256


def small(picture: bytes) -> bytes:
    """Return the PNG of a screenshot as one with a palette."""
    chunks = list(_chunks(picture))
    width, height, _, colour_type = struct.unpack(">IIBB", chunks[0][1][:10])
    channels = {2: 3, 6: 4}[colour_type]
    pixels = zlib.decompress(b"".join(content for kind, content in chunks if kind == b"IDAT"))
    rows = [_colours(row, channels) for row in _rows(pixels, width * channels, channels)]
    counts = Counter(each for row in rows for each in row)
    palette = [each for each, _ in counts.most_common(_MOST)]
    numbers = {each: _nearest(each, palette) for each in counts}
    lines = b"".join(b"\0" + bytes(numbers[each] for each in row) for row in rows)
    return _SIGNATURE + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", b"".join(palette)),
            _chunk(b"IDAT", zlib.compress(lines, 9)),
            _chunk(b"IEND", b""),
        )
    )


def _nearest(colour: bytes, palette: Sequence[bytes]) -> int:
    """Where there are too many colours, those at the edges of letters give way: nobody sees it."""

    def distance(number: int) -> int:
        return sum((one - other) ** 2 for one, other in zip(colour, palette[number], strict=True))

    return min(range(len(palette)), key=distance)


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(_SIGNATURE)
    while position < len(picture):
        [length] = struct.unpack(">I", picture[position : position + 4])
        begin = position + 8
        yield picture[position + 4 : begin], picture[begin : begin + length]
        position = begin + length + 4


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def _colours(row: bytes, channels: int) -> list[bytes]:
    return [row[at : at + 3] for at in range(0, len(row), channels)]


def _rows(pixels: bytes, length: int, channels: int) -> Iterator[bytes]:
    """Take the filters away that PNG puts before each row (section 9 of its specification)."""
    above = bytes(length)
    for at in range(0, len(pixels), length + 1):
        row = bytearray(pixels[at + 1 : at + 1 + length])
        _unfilter(pixels[at], row, above, channels)
        above = bytes(row)
        yield above


def _unfilter(kind: int, row: bytearray, above: bytes, channels: int) -> None:
    for at, value in enumerate(row):
        left = row[at - channels] if at >= channels else 0
        up = above[at]
        corner = above[at - channels] if at >= channels else 0
        guess = (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
        row[at] = (value + guess) & 0xFF


def _paeth(left: int, up: int, corner: int) -> int:
    near = left + up - corner
    return min((left, up, corner), key=lambda each: abs(near - each))
