"""How a recipe is tried: on generated data of its own kind, made small, through the program's own training and run.

A recipe is one file, `resources/recipes/ID.json`: a card without weights, with `seed_ref`, a `paper`, and
`provenance.recipe` (with `nodes` for what differs from network to network). Its trial is one file in
`tests/recipes/trials` that holds `TRIAL`; nothing else need be told of either. The data come from
`tests/recipes/generators`, which write folders in layouts that `planimeter train` reads; use one that is there where
it fits.

`tests/recipes/test_recipes.py` checks every recipe and every trial's card, without training, in `make test`.
`make recipes ONLY="ID ..." SEEDS="0 1"` trains them (all without ONLY, seed 0 without SEEDS) and writes
`docs/recipes.md`. A trial is to take a minute or so of two cores, and its `least` to lie well above `chance` and below
what it reaches with other seeds.
"""

import copy
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from engine.cards.published import RECIPES
from engine.cards.registry import CARD_FILE, LoadedCard, load_card
from engine.progress import Progress, silent

Json = dict[str, Any]
#: Writes a data set: folder, number of cases, seed.
Make = Callable[[Path, int, int], None]
#: Of every trial: by steps alone, so that a busy machine takes longer and comes to the same.
_SCHEDULE = {
    "minutes": 0.0, "steps": 200, "warm_up": 10, "average": 0.95, "holdout": 0.0, "compile": False, "patience": 0
}  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """A further figure of a trial; the fields are those of `Trial`."""

    score: Callable[[LoadedCard, Path], float]
    measure: str
    least: float
    chance: str


@dataclass(frozen=True)
class Trial:
    """How one recipe is tried.

    Args:
        recipe: its id.
        kind: of the generated data, in a few words.
        make: writes them.
        learn, judge: how many cases to learn from, and others to be judged by.
        nodes: node → params in place of the recipe's (a smaller network, a smaller patch).
        schedule: of training, in place of the recipe's; `nodes` in it as in a recipe. It ends by `steps`.
        card: further fields of the card in place of the recipe's (a `preprocess` for smaller images).
        score: of the trained card and the folder of the cases to judge by, the figure (see `tests.recipes.scores`).
        measure: what the figure is.
        least: that it must reach.
        chance: what it is by chance, in words or a figure.
        further: figures of other parts of the card, which it must reach as well.
    """

    recipe: str
    kind: str
    make: Make
    score: Callable[[LoadedCard, Path], float]
    measure: str
    least: float
    chance: str
    learn: int = 12
    judge: int = 4
    nodes: Mapping[str, Json] = field(default_factory=dict)
    schedule: Mapping[str, Any] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)
    further: tuple[Figure, ...] = ()

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures, the first being its own."""
        return Figure(self.score, self.measure, self.least, self.chance), *self.further

    @property
    def values(self) -> Json:
        """The recipe's card, made small."""
        values: Json = json.loads((RECIPES / f"{self.recipe}.json").read_text("utf-8"))
        values |= copy.deepcopy(dict(self.card))
        unknown = set(self.nodes) - {node["node"] for node in values["graph"]}
        assert not unknown, f"the recipe has no node {unknown}"
        for node in values["graph"]:
            node["params"] = node.get("params", {}) | dict(self.nodes.get(node["node"], {}))
        recipe = values["provenance"]["recipe"]
        nodes: Json = {name: own | _SCHEDULE for name, own in recipe.get("nodes", {}).items()}
        for name, own in self.schedule.get("nodes", {}).items():
            nodes[name] = nodes.get(name, {}) | own
        values["provenance"]["recipe"] = recipe | _SCHEDULE | dict(self.schedule) | ({"nodes": nodes} if nodes else {})
        return values


@dataclass(frozen=True)
class Outcome:
    """What a trial came to: its figures, and the seconds of processor that training and judging took."""

    scores: tuple[float, ...]
    seconds: float


def run_trial(trial: Trial, folder: Path, seed: int = 0, report: Progress = silent) -> Outcome:
    """Make the data, train the recipe on them, and judge the card that comes out on others.

    Args:
        trial: which.
        folder: an empty one.
        seed: of the generated patients and of training; another one makes other patients.
        report: told the fraction done and what is going on.
    """
    from engine.training.run import train_card

    trial.make(folder / "learn", trial.learn, 2 * seed + 1)
    trial.make(folder / "judge", trial.judge, 2 * seed + 2)
    (folder / "small").mkdir()
    (folder / "small" / CARD_FILE).write_text(json.dumps(trial.values), encoding="utf-8")
    began = time.process_time()
    train_card(
        str(folder / "small"), folder / "learn", validation=None, output=folder / "card", minutes=None, seed=seed,
        device="cpu", report=report,
    )  # fmt: skip
    loaded = load_card(folder / "card")
    assert not loaded.problem, loaded.problem
    scores = tuple(figure.score(loaded, folder / "judge") for figure in trial.figures)
    return Outcome(scores, time.process_time() - began)


def trials() -> dict[str, Trial]:
    """All trials, by the recipe's id."""
    names = sorted(path.stem for path in Path(__file__).with_name("trials").glob("*.py"))
    found = [import_module(f"tests.recipes.trials.{name}").TRIAL for name in names]
    return {trial.recipe: trial for trial in found}
