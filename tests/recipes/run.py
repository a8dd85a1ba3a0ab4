"""`make recipes`: each recipe is trained on generated data; the table of all of them is printed and written to docs.

Arguments choose some by id; of the others the last figures are kept. Ends with 1 where one stays below what it must
reach.
"""

import re
import sys
import tempfile
from pathlib import Path

from engine.cards.published import find_recipes
from engine.cards.schema import Card
from tests.recipes.trial import Trial, run_trial, trials

TABLE = Path(__file__).parents[2] / "docs" / "recipes.md"
_HEAD = """# The published systems as recipes

Each row is a published system of the review by Tong et al. (2021), *Deep learning for medical image segmentation and
classification*, as a recipe: `planimeter train ID --data DIR -o CARD`. What a recipe keeps of its paper and what it
changes is told by `planimeter recipes ID`.

The last columns are of `make recipes`: the recipe with a smaller network, trained on generated data of its kind for
as many seconds of one processor core as are said, and judged on generated cases that it had not seen.
They show that the recipe trains from end to end; of patients they say nothing.

| ref | recipe | body part | task | looks at | fidelity | the paper's result | tried on | reached | at least | chance | core seconds |
|--:|---|---|---|---|---|---|---|--:|--:|--:|--:|
"""  # noqa: E501


def main(chosen: list[str]) -> int:
    known = trials()
    unknown = [name for name in chosen if name not in known]
    if unknown:
        print(f"There is no recipe {', '.join(unknown)}; there are: {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    reached = _before()
    failed = []
    for name in chosen or sorted(known):
        trial = known[name]
        with tempfile.TemporaryDirectory(prefix="planimeter-recipe-") as folder:
            outcome = run_trial(trial, Path(folder))
        good = outcome.score >= trial.least
        told = f"{trial.measure} {outcome.score:.2f} (at least {trial.least:g})"
        print(f"{name}: {told}, {outcome.seconds:.0f} s of a core", flush=True)
        reached[name] = (f"{outcome.score:.2f}", f"{outcome.seconds:.0f}")
        failed += [] if good else [name]
    table = _HEAD + "".join(
        _row(loaded.card, known[loaded.id], *reached.get(loaded.id, ("", "")))
        for loaded in sorted(find_recipes(), key=lambda loaded: loaded.card.seed_ref or 0)
    )
    TABLE.write_text(table, encoding="utf-8")
    print(table[len(_HEAD) :], end="")
    if failed:
        print(f"Below what they must reach: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _before() -> dict[str, tuple[str, str]]:
    """The figures in the table as it is: recipe → what it reached, and seconds."""
    found = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else ():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 12 and re.fullmatch(r"\d+", cells[0]):
            found[cells[1].strip("`")] = (cells[8].rpartition(" ")[2], cells[11])
    return found


def _row(card: Card, trial: Trial, score: str, seconds: str) -> str:
    paper = card.paper
    assert paper is not None, "a recipe follows a paper"
    result = f"{paper.result} (recalled)" if paper.result and paper.recalled else paper.result or "–"
    cells = [
        str(card.seed_ref), f"`{card.id}`", paper.body_part, card.task, paper.takes, card.fidelity, result, trial.kind,
        f"{trial.measure} {score}" if score else "", f"{trial.least:g}", trial.chance, seconds,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
