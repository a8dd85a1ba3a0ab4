"""Finding cards: those that come with the program, those in the user's folder, and those at a given path."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.cards.schema import LARGEST_CARD, Card, parse_card
from engine.cards.weights import find_weights
from engine.data_folder import data_folder
from engine.errors import CardError
from engine.operations.table import OPERATIONS
from engine.shipped import shipped

CARD_FILE = "card.json"
#: Files in words that go with a card: what it is, and under which licence.
_IN_WORDS = re.compile(r"(README|LICEN[CS]E|NOTICE|CITATION)(\.(md|txt|cff))?", re.I)

#: Where the cards that come with the program lie.
SHIPPED = shipped("models")


@dataclass(frozen=True)
class LoadedCard:
    """A card and where it was found.

    Args:
        folder: holds `card.json` and the weights.
        problem: one sentence that says why the card can't be run; "" when it can.
    """

    folder: Path
    problem: str = ""
    parsed: Card | None = field(default=None, repr=False)

    @property
    def card(self) -> Card:
        """The card.

        Raises:
            CardError: it could not be read at all; says why.
        """
        if self.parsed is None:
            raise CardError(self.problem)
        return self.parsed

    @property
    def is_readable(self) -> bool:
        """False when `card` would raise."""
        return self.parsed is not None

    @property
    def id(self) -> str:
        """The card's id, or the name of its folder where the card is not readable."""
        return self.parsed.id if self.parsed is not None else self.folder.name

    @property
    def title(self) -> str:
        """The card's title, or the name of its folder where the card is not readable."""
        return self.parsed.title if self.parsed is not None else self.folder.name


def user_models() -> Path:
    """The folder for cards that the user adds."""
    return data_folder() / "models"


def find_cards(extra: Sequence[Path] = ()) -> list[LoadedCard]:
    """All cards, in order of their titles; a card in `extra` or the user's folder hides a shipped one of the same id.

    Args:
        extra: cards, folders of a card, or folders of such folders.
    """
    found: dict[str, LoadedCard] = {}
    for place in (SHIPPED, user_models(), *extra):
        for folder in _card_folders(place):
            loaded = load_card(folder)
            found[loaded.id] = loaded
    return sorted(found.values(), key=lambda loaded: loaded.title.casefold())


def load_card(folder: Path) -> LoadedCard:
    """The card in `folder` (or the `card.json` given), with its problem where it has one; its content never raises."""
    path = folder / CARD_FILE if folder.is_dir() else folder
    folder = path.parent
    try:
        card = parse_card(_read_bounded(path), str(path))
    except CardError as error:
        return LoadedCard(folder, str(error))
    problem = ""
    try:
        check_supported(card)
        for weights in card.files:
            find_weights(folder, weights)
    except CardError as error:
        problem = str(error)
    return LoadedCard(folder, problem, card)


def find_card(name: str, extra: Sequence[Path] = ()) -> LoadedCard:
    """The runnable card with this id, or at this path.

    Raises:
        CardError: there is none, or it has a problem.
    """
    path = Path(name)
    if path.name == CARD_FILE or (path / CARD_FILE).exists():
        loaded = load_card(path)
    else:
        cards = {loaded.id: loaded for loaded in find_cards(extra)}
        if name not in cards:
            raise CardError(f"There is no model '{name}'; there are: {', '.join(sorted(cards)) or 'none'}.")
        loaded = cards[name]
    if loaded.problem:
        raise CardError(loaded.problem)
    return loaded


def files_of(loaded: LoadedCard) -> list[Path]:
    """All that belongs to a card, itself first: weights, what its operations read, what it says in words.

    What else lies in its folder, such as the checkpoints of a training, does not.
    """
    names = [CARD_FILE, *(weights.file for weights in loaded.card.files)]
    names += [name for node in loaded.card.graph for name in OPERATIONS[node.op].beside]
    names += sorted(path.name for path in loaded.folder.iterdir() if _IN_WORDS.fullmatch(path.name))
    paths = [loaded.folder / name for name in dict.fromkeys(names)]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def check_supported(card: Card) -> None:
    """Refuse a card that can't run before it is trained.

    Raises:
        CardError: a network has no weights, or a head or a code was not fitted.
    """
    if any(OPERATIONS[node.op].needs_weights and not node.weights for node in card.graph):
        raise CardError(f"The model '{card.id}' names no weights for its network, so it can't run before training.")
    unready = [node.node for node in card.graph if (ready := OPERATIONS[node.op].is_ready) and not ready(node.params)]
    if unready:
        raise CardError(f"'{unready[0]}' of '{card.id}' was not fitted, so it can't run before training.")


def _card_folders(place: Path) -> list[Path]:
    if place.name == CARD_FILE or (place / CARD_FILE).exists():
        return [place.parent if place.name == CARD_FILE else place]
    try:
        return sorted(folder for folder in place.iterdir() if (folder / CARD_FILE).exists())
    except OSError:
        return []


def _read_bounded(path: Path) -> bytes:
    try:
        if not path.exists():
            raise CardError(f"{path} is not there, so there is no model card; the model may have been removed.")
        if not path.is_file():
            raise CardError(f"{path} is not a file, so there is no model card.")
        with path.open("rb") as file:
            return file.read(LARGEST_CARD + 1)
    except OSError as error:
        raise CardError(f"{path} could not be read: {error.strerror}.") from error
