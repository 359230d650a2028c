"""The colours stay apart for every kind of colour vision, and can be seen on both of Grafana's themes."""

from itertools import combinations

import numpy as np
import pytest

from deploy.dashboards.palette import NEGATIVE, NEUTRAL, POSITIVE, SERIES, WATCH

# Machado, Oliveira and Fernandes, A physiologically-based model for simulation of color vision deficiency (2009),
# severity 1.0, on linear RGB.
VISION = {
    "ordinary": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
WHITE, BLACK = "#FFFFFF", "#181B1F"  # a panel's background in the light theme and in the dark one


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear RGB, D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart(one: str, other: str, vision: str) -> float:
    return float(np.linalg.norm(lab(VISION[vision] @ linear(one)) - lab(VISION[vision] @ linear(other))))


def contrast(one: str, other: str) -> float:
    lights = sorted(float(np.array([0.2126, 0.7152, 0.0722]) @ linear(each)) for each in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(
    "together",
    [SERIES, (NEGATIVE, NEUTRAL, POSITIVE), (NEGATIVE, WATCH)],
    ids=["lines", "sentiments", "states"],
)
def test_colours_that_stand_together_stay_apart(together: tuple[str, ...], vision: str) -> None:
    # A difference of 2.3 is just noticed (Sharma, Digital Color Imaging Handbook, 2003); a thin line needs several.
    closest = min((apart(one, other, vision), one, other) for one, other in combinations(together, 2))
    assert closest[0] > 10, closest


@pytest.mark.parametrize("colour", sorted({*SERIES, NEGATIVE, POSITIVE, NEUTRAL}))
@pytest.mark.parametrize("background", [WHITE, BLACK])
def test_a_line_can_be_seen_on_either_theme(colour: str, background: str) -> None:
    assert contrast(colour, background) >= 3.0
