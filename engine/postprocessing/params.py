"""What the steps after a graph have in common."""

from engine.values import Labels, Strict


class StepParams(Strict):
    """Params of a step.

    Args:
        labels: that it is done to; of nothing named, all.
    """

    labels: Labels = ()

    @property
    def others(self) -> tuple[str, ...]:
        """Labels that each of those is compared with."""
        return ()
