"""The images that models can look at, and what speaks against each model with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from engine.cards.roles import Casting, Traits, cast
from engine.later import later
from viewer.runs import about_of
from viewer.session import Session
from viewer.widgets.roles_form import Image

if TYPE_CHECKING:
    from engine.cards import colours, suitability
    from engine.cards.registry import LoadedCard
else:
    colours, suitability = later("engine.cards.colours"), later("engine.cards.suitability")


class CardImages:
    """The open series and others.

    Args:
        session: of the window.
        others: gives the images besides the open series.
    """

    def __init__(self, session: Session, others: Callable[[], Sequence[Image]]) -> None:
        self._session, self._others = session, others
        #: What a first network told about the open series: for all models of the same parts of the body.
        self.looked: dict[tuple[str, ...], suitability.Refusal] = {}

    def all(self) -> tuple[Image, ...]:
        """What a model can look at: the open series first."""
        volume = self._session.volume
        if volume is None:
            return ()
        traits = Traits(volume.modality, volume.info.frame_of_reference_uid)
        name = " ".join(part for part in (volume.modality, volume.info.description) if part) or "The open image"
        opened = Image(f"{name} (open)", traits, volume, lambda progress: volume, volume.info.series_uid)
        return (opened, *self._others())

    def why_not(
        self, loaded: LoadedCard, images: Sequence[Image], casting: Casting[Image] | None = None
    ) -> list[suitability.Refusal]:
        """Why a card can't be run, with the images that play its roles, or would play them by themselves."""
        if loaded.problem:
            return [suitability.Refusal(loaded.problem, False)]
        if not images:
            return [suitability.Refusal("Nothing is open.", False)]
        card = loaded.card
        casting = casting or cast(card, images, lambda image: image.traits)
        first = card.inputs[0].role
        played = casting.inputs.get(first)
        if played is not None and played.volume is not images[0].volume:
            return [
                suitability.Refusal(f"{card.title} draws on the planes of '{first}': open {played.name} first.", False)
            ]
        if len(card.inputs) == 1:
            casting = Casting({first: images[0]})
        read = {role: image.volume for role, image in casting.inputs.items() if image.volume is not None}
        frames = {role: image.traits.frame_of_reference_uid for role, image in casting.inputs.items()}
        refusals = suitability.why_unsuitable(card, read, dict.fromkeys(casting.open, "") | frames)
        return [*refusals, *(refusal for about, refusal in self.looked.items() if about == about_of(card))]

    def unlike(self, cards: Sequence[LoadedCard]) -> dict[str, float]:
        """Id of a card → how far the open picture is from those that it learned from, above 1 too far.

        Of cards that say how these look.
        """
        volume = self._session.volume
        asked = {loaded.id: loaded.card.inputs[0].colours for loaded in cards if not loaded.problem}
        if volume is None or volume.geometry.in_patient:
            return {}
        return {
            card_id: colours.unlikeness(of, volume) / colours.FAR for card_id, of in asked.items() if of is not None
        }

    def why_not_unasked(self, loaded: LoadedCard) -> str:
        """Why a card can't be run without a person's choice, and what to do, in sentences; "" where it can."""
        refusals = self.why_not(loaded, self.all())
        if refusals:
            told = " ".join(refusal.text for refusal in refusals)
            if loaded.problem:
                return f"{told} Import the model again, or take it out of the template."
            return (
                f"{told} Run it alone to run it all the same." if all(each.overridable for each in refusals) else told
            )
        casting = self.casting(loaded)
        if casting.missing or casting.open:
            return "Which images it looks at must be chosen by hand: run it alone."
        return ""

    def casting(self, loaded: LoadedCard) -> Casting[Image]:
        """Which images play a card's roles by themselves; the open series plays the only one."""
        images, card = self.all(), loaded.card
        if len(card.inputs) == 1:
            return Casting({card.inputs[0].role: images[0]})
        return cast(card, images, lambda image: image.traits)
