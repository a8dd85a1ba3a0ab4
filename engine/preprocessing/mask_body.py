"""Everything outside the patient gets one value."""

from dataclasses import replace

from engine.preprocessing.plan import Plan
from engine.values import Strict


class Params(Strict):
    """Set everything outside the patient to `outside`, by the same body outline that the card `external` draws."""

    outside: float = -1024.0


def plan(params: Params, so_far: Plan) -> Plan:
    """The value outside."""
    return replace(so_far, outside=params.outside)
