"""What a card says of where its model comes from, whichever program that was."""

import re
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "LICENCE.md")
#: A file that speaks of the code alone, and the heading of what it says of the weights.
_NOT_OF_WEIGHTS, _OF_WEIGHTS = (
    re.compile(r"except (the )?model weights", re.I),
    re.compile(r"^\W*model (weights )?licen[cs]e", re.I),
)


def exact_option(sets: str, program: str) -> Json:
    """The choice of another program's own voxels."""
    return {
        "key": "exact",
        "label": f"Exactly {program}'s voxels",
        "kind": "flag",
        "sets": sets,
        "tip": f"Outlines of the voxels that {program} itself would set, in full precision, not smooth contours",
    }


def licence_of(folder: Path) -> str:
    """The first words of a file with a licence of the weights, beside the model or above it; else "absent"."""
    for place in (folder, folder.parent):
        for name in _LICENCES:
            try:
                text = (place / name).read_text("utf-8", errors="replace")[:100_000]
            except OSError:
                continue
            lines = [line.strip(" #\t\r") for line in text.splitlines() if line.strip(" #\t\r")]
            if _NOT_OF_WEIGHTS.search(text[:2000]):
                own = [number for number, line in enumerate(lines) if _OF_WEIGHTS.match(line)]
                return " ".join(lines[own[0] + 1 : own[0] + 3])[:200] if own else "absent"
            if lines:
                return lines[0][:200]
    return "absent"
