"""What figures over cases claim, and what they don't."""

from typing import Any

from engine.training.evaluate import MEASURES, Scores, metrics, score_table


def of_cases(*dice: float) -> dict[str, Any]:
    """The summary of cases with one structure, whose distance only the first has."""
    rows = [
        {"dice": value, "surface_dice_2mm": value, "hd95_mm": float("nan") if index else 2.0, "volume_error": 0.1}
        for index, value in enumerate(dice)
    ]
    return Scores("boxes 1", [f"case {index}" for index in range(len(dice))], {"Box": rows}).summary()


def test_a_single_case_has_no_interval() -> None:
    alone = of_cases(0.9)
    assert alone["structures"]["Box"]["dice"] == 0.9
    assert [alone["structures"]["Box"][f"{name}_ci"] for name in MEASURES] == [None] * len(MEASURES)
    first, _, row, _ = score_table(alone).splitlines()
    assert first == "boxes 1, 1 case" and row.split() == ["Box", "1", "0.900", "0.900", "2.0", "10.0%", "0"]
    told: list[dict[str, Any]] = []
    metrics(alone, lambda **metric: told.append(metric))  # type: ignore[arg-type, func-returns-value]
    assert [metric.get("ci") for metric in told] == [None] * (1 + len(MEASURES))


def test_several_cases_have_one_where_two_of_them_have_the_measure() -> None:
    two = of_cases(0.9, 0.5)["structures"]["Box"]
    assert two["dice_ci"] == [0.5, 0.9] and two["hd95_mm"] == 2.0 and two["hd95_mm_ci"] is None
    assert "0.700 (0.500-0.900)" in score_table(of_cases(0.9, 0.5))
