"""Bands hold the risk that they promise, and too few cases promise nothing."""

import numpy as np
from numpy.typing import NDArray

from engine.training.calibrate import RISKS, band_of


def case(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Voxels whose probabilities are honest."""
    p = rng.beta(0.4, 0.8, 4000).astype(np.float32)
    return p, rng.random(4000) < p


def test_the_outer_contour_misses_and_the_inner_adds_no_more_than_the_risk() -> None:
    rng = np.random.default_rng(0)
    band = band_of("Organ", [case(rng) for _ in range(40)])
    assert band is not None and band.risk == RISKS[0]
    assert band.outer < 0.5 < band.inner
    missed, wrong = [], []
    for _ in range(40):
        p, truth = case(rng)
        missed.append((truth & (p < band.outer)).sum() / truth.sum())
        wrong.append((~truth & (p >= band.inner)).sum() / max((p >= band.inner).sum(), 1))
    assert np.mean(missed) <= RISKS[0] and np.mean(wrong) <= RISKS[0]


def test_where_references_do_not_fit_a_larger_risk_is_stated() -> None:
    rng = np.random.default_rng(2)
    fitting = [case(rng) for _ in range(36)]
    # Nothing of what was contoured is where anything is likely, and the reverse.
    strayed = [(1 - truth.astype(np.float32), truth) for _, truth in fitting[:4]]
    band = band_of("Organ", fitting + strayed)
    assert band is not None and band.risk == RISKS[1]
    assert band_of("Organ", fitting + 3 * strayed) is None


def test_few_cases_give_no_band() -> None:
    rng = np.random.default_rng(1)
    assert band_of("Organ", [case(rng) for _ in range(3)]) is None
    assert band_of("Organ", []) is None
