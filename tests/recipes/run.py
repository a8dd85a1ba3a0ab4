"""`make recipes`: each recipe is trained on generated data; the table of all of them is written to docs.

Arguments choose some by id, and `--seeds` other patients and other weights to begin with. What each trial reached is
kept at once in `reached.csv`, and the table is made of that. Ends with 1 where one stays below what it must reach.
"""

import argparse
import csv
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import astuple, dataclass
from multiprocessing import get_context
from pathlib import Path

from engine.cards.published import find_recipes
from engine.cards.schema import Card
from engine.safe_file import whole_file
from tests.recipes.trial import Figure, Outcome, Trial, run_trial, trials

TABLE = Path(__file__).parents[2] / "docs" / "recipes.md"
REACHED = Path(__file__).with_name("reached.csv")
_COLUMNS = ("recipe", "seed", "measure", "score", "seconds")
_HEAD = """# The published systems as recipes

Each row is a published system of the review by Tong et al. (2021), *Deep learning for medical image segmentation and
classification*, as a recipe: `planimeter train ID --data DIR -o CARD`. What a recipe keeps of its paper and what it
changes is told by `planimeter recipes ID`.

The last columns are of `make recipes`: the recipe with a smaller network, trained on generated data of its kind for
a number of steps that it states, and judged on generated cases that it had not seen. Each seed makes other patients and
begins with other weights; the range is that of the seeds. Core seconds are those of one processor core, in the mean.
They show that the recipe trains from end to end; of patients they say nothing.

| ref | recipe | body part | task | looks at | fidelity | the paper's result | tried on | reached | at least | chance | seeds | core seconds |
|--:|---|---|---|---|---|---|---|---|--:|--:|--:|--:|
"""  # noqa: E501


@dataclass(frozen=True)
class Row:
    """One figure of one trial; scores to three digits."""

    recipe: str
    seed: int
    measure: str
    score: float
    seconds: int


def main(arguments: list[str]) -> int:
    """Run the trials that the arguments choose, or all, one after the other."""
    known = trials()
    parser = argparse.ArgumentParser(prog="make recipes", description="Train the recipes on generated data.")
    parser.add_argument("chosen", nargs="*", metavar="ID", help="of a recipe; all where none is named")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of patients and weights")
    told = parser.parse_args(arguments)
    unknown = [name for name in told.chosen if name not in known]
    if unknown:
        print(f"There is no recipe {', '.join(unknown)}; there are: {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    failed = []
    for seed in told.seeds:
        for name in told.chosen or sorted(known):
            # In a process of its own: what ends one trial ends no other.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                try:
                    outcome = process.submit(_tried, name, seed).result()
                except BrokenProcessPool:
                    print(f"{name}, seed {seed}: the process ended before its time", flush=True)
                    failed.append(f"{name} (seed {seed})")
                    continue
            rows = []
            for figure, score in zip(known[name].figures, outcome.scores, strict=True):
                bar = f"{figure.measure} {score:.2f} (at least {figure.least:g})"
                print(f"{name}, seed {seed}: {bar}, {outcome.seconds:.0f} s of a core", flush=True)
                failed += [f"{name} (seed {seed})"] if score < figure.least else []
                rows.append(Row(name, seed, figure.measure, round(score, 3), round(outcome.seconds)))
            _keep(rows)
            _write_table(known)
    if failed:
        print(f"Below what they must reach: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _tried(name: str, seed: int) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="planimeter-recipe-") as folder:
        return run_trial(trials()[name], Path(folder), seed)


def _reached() -> list[Row]:
    if not REACHED.exists():
        return []
    with REACHED.open(newline="", encoding="utf-8") as file:
        return [
            Row(row["recipe"], int(row["seed"]), row["measure"], float(row["score"]), int(row["seconds"]))
            for row in csv.DictReader(file)
        ]


def _keep(made: list[Row]) -> None:
    """The rows of a trial in place of those of the same recipe and seed."""
    rows = [row for row in _reached() if (row.recipe, row.seed) != (made[0].recipe, made[0].seed)]
    with whole_file(REACHED) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(astuple(row) for row in sorted([*rows, *made], key=lambda row: (row.recipe, row.seed)))


def _write_table(known: dict[str, Trial]) -> None:
    reached = _reached()
    recipes = sorted(find_recipes(), key=lambda loaded: (loaded.card.seed_ref or 1000, loaded.id))
    lines = [_line(loaded.card, known[loaded.id], [r for r in reached if r.recipe == loaded.id]) for loaded in recipes]
    TABLE.write_text(_HEAD + "".join(lines), encoding="utf-8")


def _line(card: Card, trial: Trial, rows: list[Row]) -> str:
    paper = card.paper
    assert paper is not None, "a recipe follows a paper"
    result = f"{paper.result} (recalled)" if paper.result and paper.recalled else paper.result or "–"
    seeds = {row.seed for row in rows}
    seconds = f"{sum(row.seconds for row in rows) / len(rows):.0f}" if rows else ""
    cells = [
        str(card.seed_ref or "–"), f"`{card.id}`",
        paper.body_part, card.task, paper.takes, card.fidelity, result, trial.kind,
        "; ".join(_range(figure, rows) for figure in trial.figures),
        "; ".join(f"{figure.least:g}" for figure in trial.figures),
        "; ".join(figure.chance for figure in trial.figures), str(len(seeds)), seconds,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def _range(figure: Figure, rows: list[Row]) -> str:
    """A figure, lowest to highest of the seeds."""
    scores = [f"{row.score:.2f}" for row in rows if row.measure == figure.measure]
    if not scores:
        return f"{figure.measure} not measured"
    low, high = min(scores), max(scores)
    return f"{figure.measure} {low}" if low == high else f"{figure.measure} {low} to {high}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
