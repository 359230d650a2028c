"""The pictures of back-tests: they open, have their size, and something stands where it must."""

import io
import random

import pytest
from PIL import Image

from alerts.backtest import back_test, past_of
from alerts.timeline import ROW, WIDTH, draw_timeline
from alerts.tradeoff import HEIGHT, draw_tradeoff
from alerts.tradeoff import WIDTH as ACROSS
from alerts.tuning import Choice, Found
from tests.alerts.test_backtest import BEGIN, FEW, TWO_A_MONTH, ordinary, squall

RED, PURPLE = (178, 24, 43), (213, 94, 0)


def colours(png: bytes) -> tuple[tuple[int, int], set[tuple[int, ...]]]:
    with Image.open(io.BytesIO(png)) as picture:
        plain = picture.convert("RGB")
        return plain.size, {colour for _, colour in plain.getcolors(1 << 20)}  # type: ignore[misc, union-attr]


@pytest.mark.parametrize("minutes", [None, 45.0])
def test_a_size_that_is_told_of_has_a_line(minutes: float | None) -> None:
    sizes = [Found(2.0, 0.1, None), Found(4.0, 0.6, 200.0), Found(8.0, 0.8, 100.0), Found(16.0, 0.4, minutes)]
    size, found = colours(draw_tradeoff([Choice(1.0, 0.5, sizes), Choice(4.0, 2.0, sizes)]))
    assert size == (ACROSS, HEIGHT)
    assert (PURPLE in found) == (minutes is not None)


def test_nothing_told_of_is_an_empty_picture() -> None:
    size, _ = colours(draw_tradeoff([Choice(1.0, 0.0, [Found(2.0, 0.0, None)])]))
    assert size == (ACROSS, HEIGHT)


def test_a_page_is_a_red_line_in_its_subjects_row() -> None:
    past = past_of([*ordinary(random.Random(3)), *squall(random.Random(5), BEGIN, 24, 50_000)])
    assert past is not None
    pages = back_test(past, TWO_A_MONTH, FEW)
    assert pages
    (width, height), found = colours(draw_timeline(past, pages))
    assert width == WIDTH
    assert height > ROW * len({page.subject for page in pages})
    assert RED in found
    assert RED not in colours(draw_timeline(past, []))[1]
