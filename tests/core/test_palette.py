"""Colours of structures: far enough apart, and those that structures are known by first."""

import numpy as np

from engine.palette import ALIKE, PALETTE, free_colour, oklab
from engine.tg263 import standard_colour, standard_names


def test_colours_are_told_apart_from_each_other_and_from_grey() -> None:
    assert len(PALETTE) >= 40
    colours = oklab(PALETTE)
    away = np.linalg.norm(colours[:, None] - colours, axis=2) + 9 * np.eye(len(PALETTE))
    assert away.min() > 2 * ALIKE
    # Distance from the grey of the same lightness.
    assert np.hypot(colours[:, 1], colours[:, 2]).min() > 1.5 * ALIKE
    assert colours[:, 0].min() > 0.6, "a line is seen on black"


def test_oklab_is_that_of_its_author() -> None:
    # White, and red as published with the space.
    assert np.allclose(oklab((255, 255, 255)), (1, 0, 0), atol=1e-3)
    assert np.allclose(oklab((255, 0, 0)), (0.628, 0.225, 0.126), atol=1e-3)


def test_new_structures_take_free_colours_until_there_are_none() -> None:
    used = []
    for _ in range(len(PALETTE)):
        used.append(free_colour(used))
    assert sorted(used) == sorted(PALETTE)
    used.append(free_colour(used))
    assert used[-1] in PALETTE


def test_the_colour_by_which_a_structure_is_known_comes_first() -> None:
    cord = standard_colour("SpinalCord")
    assert cord == (255, 214, 10) and free_colour([], cord) == cord
    near = (250, 210, 15)
    assert free_colour([near], cord) != cord
    assert np.linalg.norm(oklab(free_colour([near], cord)) - oklab(near)) > ALIKE
    assert standard_colour("PTV_7000") == standard_colour("PTV") and standard_colour("ROI 1") is None


def test_left_and_right_are_told_apart() -> None:
    pairs = [(name, name[:-2] + "_R") for name in standard_names() if name.endswith("_L")]
    coloured = [pair for pair in pairs if standard_colour(pair[0]) is not None]
    assert len(coloured) > 20
    for left, right in coloured:
        assert np.linalg.norm(oklab(standard_colour(left)) - oklab(standard_colour(right))) > ALIKE, left
