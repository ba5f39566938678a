"""The colours of the owner's page can be told apart (WCAG 2.2, AA), by day and by night."""

import re
from pathlib import Path

import pytest

STYLE = (Path(__file__).parents[2] / "app/pages/owner_page.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#\w{6})", part))
    for part in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
)
TEXTS = [
    ("ink", "paper"), ("ink", "card"), ("ink", "news"), ("ink", "warn"), ("soft", "paper"),
    ("soft", "card"), ("link", "paper"), ("link", "card"), ("on-act", "act"), ("danger", "paper"),
    ("danger", "card"),
]  # fmt: skip
DRAWN = [("act", "card"), ("soft", "card"), ("ink", "paper"), ("line", "paper")]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_measured_as_it_is_defined() -> None:
    assert contrast("#000000", "#ffffff") == 21
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_and_lines_can_be_seen(colours: dict[str, str]) -> None:
    texts = {pair: contrast(*(colours[name] for name in pair)) for pair in TEXTS}
    drawn = {pair: contrast(*(colours[name] for name in pair)) for pair in DRAWN}

    assert {pair: ratio for pair, ratio in texts.items() if ratio < 4.5} == {}
    assert {pair: ratio for pair, ratio in drawn.items() if ratio < 3} == {}
