"""Parts planes that no elements tell apart: by the order of their moments or of their numbers."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.dicom.places import Part, in_order, is_single
from engine.dicom.planes import StoredPlane
from engine.dicom.traits import TRAIT_NAMES, TRAITS, sort_key, value_text


def by_order(planes: Sequence[StoredPlane], places: NDArray[np.intp]) -> list[Part]:
    """Parts of planes that no traits tell apart: by the order of their moments or numbers."""
    ordered = sorted(
        zip(planes, places.tolist(), strict=True),
        key=lambda entry: (entry[0].instance_number, str(entry[0].image.path)),
    )
    counts = Counter(place for _, place in ordered)
    most = max(counts.values())
    if moments := _by_moments(ordered, counts):
        return moments
    note = "Several planes lie at one place and nothing in the files tells why: parted by their Instance Number."
    layers = _by_passes(ordered, most) or _by_numbers(ordered, most)
    if not layers:
        full = sum(count == most for count in counts.values())
        if full < len(counts) and full > len(counts) / 2:
            return _without_unclear(ordered, counts, note)
        layers = _by_rank([plane for plane, _ in ordered], [place for _, place in ordered])
    return _layers(layers, note)


def _layers(layers: Sequence[Sequence[StoredPlane]], note: str) -> list[Part]:
    return [
        Part(in_order(layer), "part", str(n), ((float(n), ""),), notes=(note,)) for n, layer in enumerate(layers, 1)
    ]


def _by_rank(planes: Sequence[StoredPlane], places: Sequence[int]) -> list[list[StoredPlane]]:
    """The first plane of each place, the second of each, and so on."""
    layers: list[list[StoredPlane]] = []
    seen: Counter[int] = Counter()
    for plane, place in zip(planes, places, strict=True):
        if seen[place] == len(layers):
            layers.append([])
        layers[seen[place]].append(plane)
        seen[place] += 1
    return layers


def _by_moments(ordered: Sequence[tuple[StoredPlane, int]], counts: Counter[int]) -> list[Part]:
    """Phases by a trigger time or delay that runs at each place, though not in the same steps at all of them."""
    most = max(counts.values())
    full = [place for place, count in counts.items() if count == most]
    if most < 3 or len(full) < 2:
        return []
    for trait in ("TriggerTime", "NominalCardiacTriggerDelayTime", "NominalPercentageOfCardiacPhase"):
        i = TRAITS.index(trait)
        at: dict[int, list[tuple[float, StoredPlane]]] = defaultdict(list)
        for plane, place in ordered:
            at[place].append((sort_key(plane.traits[i])[0], plane))
        if any(len({moment for moment, _ in group}) < len(group) for group in at.values()):
            continue
        usual = np.median([sorted(moment for moment, _ in at[place]) for place in full], axis=0)
        if not np.isfinite(usual).all():
            continue
        layers: list[list[StoredPlane]] = [[] for _ in range(most)]
        for group in at.values():
            pairs = [(abs(moment - usual[n]), n, k) for k, (moment, _) in enumerate(group) for n in range(most)]
            free, left = set(range(most)), set(range(len(group)))
            for _, n, k in sorted(pairs):
                if n in free and k in left:
                    free.remove(n)
                    left.remove(k)
                    layers[n].append(group[k][1])
        return [_moment_part(trait, float(moment), layer) for moment, layer in zip(usual, layers, strict=True)]
    return []


def _moment_part(trait: str, moment: float, planes: Sequence[StoredPlane]) -> Part:
    member = f"about {value_text(trait, f'{moment:.4g}', ())}"
    return Part(in_order(planes), TRAIT_NAMES[trait], member, ((moment, ""),), is_phase=True)


def _by_passes(ordered: Sequence[tuple[StoredPlane, int]], most: int) -> list[list[StoredPlane]]:
    """One volume after the other: a new one begins where the places turn back."""
    if len({plane.instance_number for plane, _ in ordered}) < len(ordered):
        return []
    layers = [[ordered[0][0]]]
    way = 0
    for (_, before), (plane, place) in pairwise(ordered):
        step = int(np.sign(place - before))
        if step == 0 or (way and step != way):
            layers.append([plane])
            way = 0
        else:
            layers[-1].append(plane)
            way = step
    return layers if len(layers) == most else []


def _by_numbers(ordered: Sequence[tuple[StoredPlane, int]], most: int) -> list[list[StoredPlane]]:
    """All moments of one place before those of the next, with the numbers of missing planes left free."""
    first = ordered[0][0].instance_number
    owner: dict[int, int] = {}
    layers: list[list[StoredPlane]] = [[] for _ in range(most)]
    for plane, place in ordered:
        block, layer = divmod(plane.instance_number - first, most)
        if owner.setdefault(block, place) != place:
            return []
        layers[layer].append(plane)
    blocks = len(set(owner.values())) == len(owner)
    return layers if blocks and all(layers) and all(is_single(layer) for layer in layers) else []


def _without_unclear(ordered: Sequence[tuple[StoredPlane, int]], counts: Counter[int], note: str) -> list[Part]:
    """Parts of the places where all moments are there; the planes of other places could be of any of them."""
    most = max(counts.values())
    sure = [(plane, place) for plane, place in ordered if counts[place] == most]
    unclear = [plane for plane, place in ordered if counts[place] != most]
    parts = _layers(_by_rank([plane for plane, _ in sure], [place for _, place in sure]), note)
    what = "1 plane lies" if len(unclear) == 1 else f"{len(unclear)} planes lie"
    problem = (
        f"{what} where others are missing, and nothing in the files tells to which of the {most} volumes of this "
        "series they belong; they are not opened, so that no volume is mixed."
    )
    return [*parts, Part(tuple(unclear), "part", "unclear", ((float("inf"), ""),), problem=problem)]
