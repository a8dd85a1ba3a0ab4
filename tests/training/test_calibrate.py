"""Bands hold the risk that they promise, and too few cases promise nothing."""

import numpy as np
from numpy.typing import NDArray

from engine.training.calibrate import RISK, band_of


def case(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Voxels whose probabilities are honest."""
    p = rng.beta(0.4, 0.8, 4000).astype(np.float32)
    return p, rng.random(4000) < p


def test_the_outer_contour_misses_and_the_inner_adds_no_more_than_the_risk() -> None:
    rng = np.random.default_rng(0)
    band = band_of("Organ", [case(rng) for _ in range(40)])
    assert band is not None and band.risk == RISK
    assert band.outer < 0.5 < band.inner
    missed, wrong = [], []
    for _ in range(40):
        p, truth = case(rng)
        missed.append((truth & (p < band.outer)).sum() / truth.sum())
        wrong.append((~truth & (p >= band.inner)).sum() / max((p >= band.inner).sum(), 1))
    assert np.mean(missed) <= RISK and np.mean(wrong) <= RISK


def test_few_cases_give_no_band() -> None:
    rng = np.random.default_rng(1)
    assert band_of("Organ", [case(rng) for _ in range(5)]) is None
    assert band_of("Organ", []) is None
