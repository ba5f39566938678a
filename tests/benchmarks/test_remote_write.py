import pytest

from benchmarks.rules.remote_write import (
    encode_labels,
    encode_samples,
    encode_series,
    snappy_block,
    varint,
)
from tests.benchmarks.wire import read_labels, read_request, read_samples, read_snappy


@pytest.mark.parametrize(
    ("number", "encoded"),
    [
        pytest.param(0, "00", id="nothing"),
        pytest.param(127, "7f", id="the last of one byte"),
        pytest.param(128, "8001", id="the first of two bytes"),
        pytest.param(300, "ac02", id="the example of protobuf's own pages"),
    ],
)
def test_number_takes_seven_bits_to_a_byte(number: int, encoded: str) -> None:
    assert varint(number).hex() == encoded


def test_sample_is_encoded_as_protobuf_writes_it() -> None:
    encoded = encode_samples([(1, 1.5)])

    # Field 2 of 12 bytes: field 1, a double; field 2, the varint 1000 in milliseconds.
    assert encoded.hex() == "120c" + "09" + "000000000000f83f" + "10" + "e807"


def test_label_is_encoded_as_protobuf_writes_it() -> None:
    encoded = encode_labels("up", {})

    assert encoded == b"\x0a\x0e" + b"\x0a\x08__name__" + b"\x12\x02up"


def test_labels_are_in_the_order_that_prometheus_asks_for() -> None:
    encoded = encode_labels("up", {"job": "node", "UUID": "GPU-1", "instance": "a:9100"})

    assert read_labels(encoded) == [
        ("UUID", "GPU-1"),
        ("__name__", "up"),
        ("instance", "a:9100"),
        ("job", "node"),
    ]


def test_empty_label_is_no_label() -> None:
    encoded = encode_labels("watchdog_allocation_info", {"experiment_id": ""})

    assert read_labels(encoded) == [("__name__", "watchdog_allocation_info")]


def test_text_of_users_survives() -> None:
    text = 'Bob\'s "é" \n' + "x" * 200

    encoded = encode_labels("up", {"task_actor": text})

    assert dict(read_labels(encoded))["task_actor"] == text


def test_series_has_its_labels_and_all_its_samples() -> None:
    samples = encode_samples([(1_700_000_000, 0.1), (1_700_000_015, 2.0)])

    request = encode_series(encode_labels("up", {"job": "node"}), samples)

    assert read_request(request) == [
        (
            {"__name__": "up", "job": "node"},
            [(1_700_000_000_000, 0.1), (1_700_000_015_000, 2.0)],
        )
    ]
    assert read_samples(samples) == read_request(request)[0][1]


@pytest.mark.parametrize("size", [0, 1, 59, 70_000], ids=lambda size: f"{size} bytes")
def test_block_holds_what_it_was_made_of(size: int) -> None:
    content = bytes(number % 251 for number in range(size))

    assert read_snappy(snappy_block(content)) == content
