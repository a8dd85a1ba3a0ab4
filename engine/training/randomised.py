"""The weight-randomisation test of a classifier's maps (Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018).

A map that looks the same when the network has forgotten all that it learned shows the picture, not the network. All
weights are shuffled, each tensor in itself; the statistics of batch norms are taken anew from the same pictures, so
that the shuffled network still tells pictures apart. Likeness is the absolute rank correlation of two maps, as large
as the last feature map: absolute, since where a network looked is the same where only the sign turns.

The limit is the randomisation baseline of Arun et al. (Radiol Artif Intell 2021;3:e200267): how alike the trained
network's maps of different pictures are; the maps after shuffling must be less so. No more than 0.5, which is ours:
where all findings lie in the middle, all maps are alike, and the baseline would let pass what hardly changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import nn

from engine.cards.registry import LoadedCard
from engine.cards.saliency import MAP_METHODS, MapMethod, Mapped, SaliencyTest, mapped_outputs
from engine.cards.schema import Card
from engine.errors import CardError, PlanimeterError
from engine.inference.classify import node_networks, with_mirrored
from engine.inference.context import Context
from engine.inference.mapped_score import Target, target_of
from engine.inference.saliency import METHODS, views_of
from engine.operations.classify import Mirror
from engine.progress import silent
from engine.training.classes import Report
from engine.training.labelled.sample import Sample, fingerprint
from engine.training.learned import learned_from

#: The most that a limit may be.
HIGHEST_LIMIT = 0.5
#: Pictures and shuffles; occlusion runs the network a hundred times a map.
_EXTENT: Mapping[MapMethod, tuple[int, int]] = {"hirescam": (12, 3), "occlusion": (6, 2)}


@dataclass(frozen=True, eq=False)
class _Maps:
    """Maps of pictures: (pictures, labels, places)."""

    values: NDArray[np.float32]

    @classmethod
    def of(cls, method: MapMethod, networks: Sequence[nn.Module], views: Sequence[NDArray[np.float32]],
           targets: Sequence[Target], mirrors: Sequence[Mirror]) -> "_Maps":  # fmt: skip
        made = []
        makers = [METHODS[method](network, views[0]) for network in networks]
        for view in views:
            each = [make(view, targets, mirrors, silent) for make in makers]
            made.append([np.mean(own, axis=0).ravel() for own in zip(*each, strict=True)])
        return cls(np.array(made))


def saliency_test(
    loaded: LoadedCard,
    samples: Sequence[Sample],
    dataset: str,
    when: date | None = None,
    *,
    method: MapMethod = "hirescam",
    report: Report,
) -> SaliencyTest | None:
    """Run the test on pictures that a card did not learn from.

    Args:
        loaded: the card.
        samples: of a set; those that it learned from are passed over.
        dataset: the set's name.
        when: today.
        method: of the maps.
        report: told the fraction done.

    Returns:
        What came of it; None where the card has no score that is mapped, or no two pictures suit.
    """
    outputs = mapped_outputs(loaded.card)
    if not outputs:
        return None
    how = outputs[0][1]
    pictures, shuffles = _EXTENT[method]
    contexts = list(_contexts(loaded, samples, pictures))
    if len(contexts) < 2:
        return None
    try:
        views = [views_of(context, how)[1] for context in contexts]
        targets = [target_of(each, contexts[0]) for _, each in outputs]
        networks = _networks(loaded, how)
        told = f"Maps by {MAP_METHODS[method].name}"
        report(0.0, told)
        trained = _Maps.of(method, networks, views, targets, how.params.mirrors).values
        likenesses = []
        for seed in range(shuffles):
            report((seed + 1) / (shuffles + 1), f"{told}, shuffled weights {seed + 1} of {shuffles}")
            generator = torch.Generator().manual_seed(seed)
            others = [shuffled(network, views, generator, how.params.mirrors) for network in networks]
            made = _Maps.of(method, others, views, targets, how.params.mirrors).values
            likenesses.append([[likeness(a, b) for a, b in zip(*pair, strict=True)]
                               for pair in zip(trained, made, strict=True)])  # fmt: skip
    except CardError:
        # A network of which there is no map has none to test.
        return None
    pairs = [[likeness(a, b) for a, b in zip(trained[i], trained[j], strict=True)]
             for i, j in combinations(range(len(trained)), 2)]  # fmt: skip
    per_label = np.mean(likenesses, axis=(0, 1))
    limits = np.minimum(np.mean(pairs, axis=0), HIGHEST_LIMIT)
    worst = int((per_label - limits).argmax())
    return SaliencyTest(
        method=method, node=how.node.node, weights=tuple(weights.sha256 for weights in how.node.weights),
        similarity=round(float(per_label[worst]), 3), limit=round(float(limits[worst]), 3),
        n=len(views), shuffles=shuffles, dataset=dataset, when=when,
    )  # fmt: skip


def likeness(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Absolute rank correlation (Spearman) of two maps of as many places; 1 where one of them is all alike.

    A map that says nothing has not been seen to change.
    """
    ranks = np.array([rankdata(first), rankdata(second)])
    if (np.ptp(ranks, axis=1) == 0).any():
        return 1.0
    return abs(float(np.corrcoef(ranks)[0, 1]))


def shuffled(
    network: nn.Module, views: Sequence[NDArray[np.float32]], generator: torch.Generator, mirrors: Sequence[Mirror] = ()
) -> nn.Module:
    """A copy of a network with the values of each weight tensor in another order, and its norms fitted to the views."""
    copy = deepcopy(network).eval()
    with torch.no_grad():
        for parameter in copy.parameters():
            order = torch.randperm(parameter.numel(), generator=generator)
            parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
        norms = [module for module in copy.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches
            norm.train()
        for view in views if norms else ():
            copy(with_mirrored(torch.from_numpy(view), mirrors))
    return copy.eval()


def with_tests(card: Card, tests: Sequence[SaliencyTest]) -> tuple[SaliencyTest, ...]:
    """A card's tests after these, which take the place of earlier ones of the same methods, or of other weights."""
    kept = {test.method: test for test in card.saliency if all(test.weights == other.weights for other in tests)}
    kept |= {test.method: test for test in tests}
    return tuple(kept[method] for method in MAP_METHODS if method in kept)


def saliency_sentence(test: SaliencyTest) -> str:
    """What came of the test, for people."""
    told = "passed" if test.passed else "not passed, so no map is shown"
    return (
        f"Maps of where the network looked, by {MAP_METHODS[test.method].name}: test with shuffled weights {told} "
        f"(likeness {test.similarity:.2f}, must be "
        f"below {test.limit:.2f}; {test.n} pictures, {test.shuffles} shuffles)"
    )


def _networks(loaded: LoadedCard, how: Mapped) -> list[nn.Module]:
    kept = node_networks(loaded.folder, how.params.network.model_dump_json(), how.node.weights)
    return [network.to("cpu") for network in kept]


def _contexts(loaded: LoadedCard, samples: Sequence[Sample], most: int) -> Iterator[Context]:
    """Pictures spread over the set, each ready to be looked at."""
    known, count = learned_from(loaded), 0
    # Every picture has its place in an even order, so that a set that is sorted by label is not tested on one alone.
    order = sorted(range(len(samples)), key=lambda index: (index * 0.6180339887498949) % 1)
    for index in order:
        try:
            inputs = samples[index].images_for(loaded.card)
        except PlanimeterError:
            continue
        if fingerprint(*inputs.values()) in known:
            continue
        yield Context(loaded, inputs, "cpu")
        count += 1
        if count == most:
            return
