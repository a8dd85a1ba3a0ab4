"""A results folder of nnU-Net v2: `TRAINER__PLANS__CONFIGURATION` with its folds, or a data set's folder with one."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.errors import CardError
from engine.importing.about import exact_option, kinds_noted, licence_of, licence_told, stored_axes
from engine.importing.meanings import named
from engine.importing.naming import card_id, identifiers, modalities, outputs
from engine.importing.nnunet_plans import Plans, labels_of
from engine.importing.source import Source
from engine.progress import part

Json = dict[str, Any]

CHECKPOINT = "checkpoint_final.pth"
#: What a training that was stopped leaves, and nnU-Net runs where it is told to (`-chk`).
_BEST = "checkpoint_best.pth"
#: Of several models these are named.
_NAMED = 4
#: Trainers of nnU-Net itself, and those of TotalSegmentator: what they change is of training, or seen in the weights.
_TRAINER = re.compile(
    r"nnUNetTrainer(V2)?(_?(Adam|Adan|BN|Benchmark|CELoss|CosAnneal|DA5|DASegOrd0|Dice|MOSAIC|NoDA|NoDeepSupervision|"
    r"NoMirroring|Partial|SkeletonRecall|Top[Kk]|VanillaAdam|noDummy2DDA|onlyMirror01|probabilisticOversampling|warmup|"
    r"noDataLoading|[Ss]egord0|ord0|noSmooth|Loss|LS01|QuarterLR|\d+k|\d+en\d|\d+ep|\d+epochs?|\d+))*"
)
_AS_TAUGHT = (
    "It was taught by the trainer '{trainer}', which is none of nnU-Net's own: what that changes of the network, or of "
    "how it is run, such as another activation, is not known here, and the model is run as its plans say."
)


def recognises(folder: Path) -> bool:
    """Whether there is such a model in a folder."""
    return bool(_configurations(folder))


def convert(source: Source, target: Path) -> Json:
    """Write the weights into `target`, and give the card.

    Raises:
        CardError: the model is damaged, or something in it is not known here.
    """
    found = _configurations(source.folder)
    final = _chosen(found, source)
    stages = [final]
    plans = Plans(source.json(final / "plans.json"), source.told(final / "plans.json"))
    previous = plans.previous_stage(configuration_of(final))
    if previous:
        coarse = _beside(final, previous)
        if not (coarse / "plans.json").is_file():
            raise CardError(
                f"{source.told(final)} continues what '{previous}' finds, and that is not beside it; import the folder "
                "that holds both."
            )
        stages = [coarse, final]
    graph, dataset = [], source.json(final / "dataset.json")
    folds = sum(len(folds_of(stage)) for stage in stages) or 1
    done = 0
    for number, stage in enumerate(stages):
        node = node_of(
            source, stage, target, name="network" if number == len(stages) - 1 else "coarse", done=done / folds,
            share=1 / folds,
        )  # fmt: skip
        done += len(folds_of(stage))
        if number:
            node["in"] = [*node["in"], "coarse"]
            node["params"]["cascade"] = True
        node["params"]["exact"] = number < len(stages) - 1
        graph.append(node)
    return card_of(
        source, dataset, graph, name=_name_of(plans, source), folder=final,
        notes=list(dict.fromkeys(note for stage in stages for note in _notes_on(stage, source))),
    )  # fmt: skip


def configuration_of(folder: Path) -> str:
    """The last part of a results folder's name."""
    return folder.name.split("__")[-1]


def is_results(folder: Path) -> bool:
    """Whether a folder is named as a results folder is."""
    return folder.name.count("__") >= 2


def _beside(folder: Path, configuration: str) -> Path:
    """The results folder of another configuration of the same trainer and plans."""
    return folder.with_name(folder.name.removesuffix(configuration_of(folder)) + configuration)


def folds_of(folder: Path, wanted: Sequence[int] = ()) -> list[Path]:
    """The checkpoints of a results folder: of the numbered folds, else of the one that was trained on all.

    Where no fold was trained to its end, the best so far of each.

    Args:
        folder: `TRAINER__PLANS__CONFIGURATION`.
        wanted: these alone, if trained to their end; all where none is named.
    """
    if wanted:
        return [path for fold in wanted if (path := folder / f"fold_{fold}" / CHECKPOINT).is_file()]
    numbered = [path for path in sorted(folder.glob("fold_*")) if path.name[5:].isdigit()]
    for name in (CHECKPOINT, _BEST):
        for folds in (numbered, [folder / "fold_all"]):
            if there := [fold / name for fold in folds if (fold / name).is_file()]:
                return there
    return []


def _notes_on(folder: Path, source: Source) -> list[str]:
    """What is to be said of the checkpoints that `folds_of` chose."""
    chosen = folds_of(folder)
    trainer = folder.name.partition("__")[0]
    foreign = [] if _TRAINER.fullmatch(trainer) else [_AS_TAUGHT.format(trainer=trainer[:60])]
    return [*foreign, *_notes_on_folds(folder, chosen, source)]


def _notes_on_folds(folder: Path, chosen: Sequence[Path], source: Source) -> list[str]:
    if chosen and chosen[0].name == _BEST:
        return [
            f"{source.told(folder)} was not trained to its end: it has no {CHECKPOINT}, so {_BEST} was taken, as "
            "nnU-Net does with '-chk'."
        ]
    left = [path.parent.name for path in sorted(folder.glob(f"fold_*/{_BEST}")) if path.with_name(CHECKPOINT) not in
            chosen and path.parent.name != "fold_all"]  # fmt: skip
    return [f"Without {', '.join(left)[:200]}, not trained to the end."] if left else []


def node_of(
    source: Source, folder: Path, target: Path, *, name: str, done: float, share: float, folds: Sequence[int] = ()
) -> Json:
    """The node of a results folder, its weights written.

    Args:
        source: that is imported.
        folder: `TRAINER__PLANS__CONFIGURATION`.
        target: folder for the weights.
        name: of the node.
        done, share: of the whole work, what is done before, and what each fold is.
        folds: these alone; all where none is named.
    """
    # Only here is torch needed, which takes its time to load.
    from engine.importing.nnunet_weights import write_fold

    plans = Plans(source.json(folder / "plans.json"), source.told(folder / "plans.json"))
    dataset = source.json(folder / "dataset.json")
    labels = labels_of(dataset, source.told(folder / "dataset.json"))
    checkpoints = folds_of(folder, folds)
    if not checkpoints:
        raise CardError(f"{source.told(folder)} has no fold with a {CHECKPOINT}, so there are no weights.")
    params = plans.params(configuration_of(folder))
    names = labels.pop("names")
    params |= {"labels": identifiers(names), **labels}
    if source.wish.axes:
        params["axes"] = source.wish.axes
    roles = [role for role, _ in roles_of(dataset, params)]
    values = {value for covered in labels.get("covers", ()) for value in covered if value}
    further = (len(values) or len(names)) if plans.previous_stage(configuration_of(folder)) else 0
    params["network"] |= {
        "in_channels": len(roles) + further,
        "out_channels": len(names) + int(labels["activation"] == "softmax"),
    }
    weights, mirrors = [], None
    for index, checkpoint in enumerate(checkpoints):
        telling = part(source.progress, done + index * share, done + (index + 1) * share)
        telling(0.0, f"Converting {source.told(checkpoint)}")
        file = target / f"{name}-{index}.safetensors"
        fold = write_fold(source, checkpoint, params["network"], params["patch"], file)
        weights.append({"file": f"{name}-{index}.safetensors", "sha256": fold.sha256})
        mirrors = fold.mirrors if mirrors is None else mirrors
        if fold.configuration not in {"", configuration_of(folder)}:
            raise CardError(
                f"{source.told(checkpoint)} is of the configuration '{fold.configuration[:60]}', not of this."
            )
    params["mirrors"] = [axis for axis in mirrors or () if axis < params["dimensions"]]
    return {"node": name, "op": "nnunet", "in": roles, "weights": weights, "params": params}


def roles_of(dataset: Json, params: Json) -> list[tuple[str, str]]:
    """(role, channel's name) of each image."""
    given = dataset.get("channel_names", dataset.get("modality"))
    names = [str(given[key]) for key in sorted(given, key=_number)] if isinstance(given, dict) else []
    if len(names) != len(params["channels"]):
        raise CardError(f"The model names {len(names)} channels, and normalises {len(params['channels'])}.")
    roles = [role.lower() for role in identifiers(names)]
    return list(zip(identifiers(roles), names, strict=True))


def card_of(
    source: Source, dataset: Json, graph: Sequence[Json], *, name: str, folder: Path, notes: Sequence[str]
) -> Json:
    """The card of a graph of such nodes, the last of which draws and is of `folder`."""
    configuration = configuration_of(folder)
    last = graph[-1]
    params = last["params"]
    known_as = named(labels_of(dataset, "dataset.json")["names"])
    inputs = inputs_of(roles_of(dataset, params), params)
    data = str(dataset.get("licence") or dataset.get("license") or "absent")[:200]
    licence = licence_of(*dict.fromkeys((folder, folder.parent, source.folder)))
    stored = () if params["axes"] else (stored_axes(),)
    mirrored = "mirrored copies are averaged, as nnU-Net does; " if params["mirrors"] else ""
    return {
        "id": source.wish.card_id or card_id(name, configuration),
        "version": "1.0",
        "task": "segment",
        "title": f"{name} ({configuration})"[:120],
        "fidelity": "modern",
        "badge": "runs",
        "inputs": inputs,
        "graph": list(graph),
        "outputs": outputs(params["labels"], known_as, last["node"]),
        "uncertainty": {"method": "entropy"},
        "options": options_of(params),
        "provenance": {
            "imported_from": "nnU-Net v2",
            "sources": source.sources,
            "notes": [*notes, *stored, *kinds_noted(inputs), *known_as.notes],
            "training_data": [{"name": str(dataset.get("name") or name)[:200], "licence": data}],
        },
        "licence": licence_told(licence),
        "intended_use": str(dataset.get("description") or "")[:4000],
        "limits": "Imported; not measured here. "
        f"Contours are traced from the network's own grid; {mirrored}a post-processing of nnU-Net's is not done.",
    }


def inputs_of(channels: Sequence[tuple[str, str]], params: Json) -> list[Json]:
    """The images of a card; further ones are laid onto the first."""
    found: list[Json] = []
    for (role, name), channel in zip(channels, params["channels"], strict=True):
        is_ct = name.strip().lower() == "ct" or (channel["scheme"] == "ct" and len(channels) == 1)
        image: Json = {"role": role, "modality": modalities(name, is_ct)}
        if is_ct:
            image["units"] = "HU"
        if found:
            image["register_to"] = found[0]["role"]
        found.append(image)
    return found


def options_of(params: Json) -> list[Json]:
    """What a person may choose for a run."""
    exact = exact_option("network.exact", "nnU-Net")
    if not params["mirrors"]:
        return [exact]
    copies = 2 ** len(params["mirrors"])
    quick = {
        "key": "quick",
        "label": f"Quick: about {copies} times as fast",
        "kind": "flag",
        "sets": "nnunet.quick",
        "tip": "Without the mirrored copies that are averaged otherwise; contours may differ a little",
    }
    return [quick, exact]


def _configurations(folder: Path) -> list[Path]:
    """Results folders: this one, or those in it or in the data sets in it; one that lacks a file is told so later."""
    places = [folder, *(path for depth in ("", "Dataset*/") for path in sorted(folder.glob(depth + "*__*__*")))]
    return [path for path in places if (path / "plans.json").is_file() or _lacks_plans(path)]


def _lacks_plans(folder: Path) -> bool:
    return is_results(folder) and (folder / "dataset.json").is_file()


def _chosen(found: Sequence[Path], source: Source) -> Path:
    """The results folder to import: the only one, or the last of a cascade."""
    if source.folder in found:
        return source.folder
    rest = list(found)
    for path in found:
        plans = Plans(source.json(path / "plans.json"), source.told(path / "plans.json"))
        previous = plans.previous_stage(configuration_of(path))
        if previous:
            rest = [other for other in rest if other != _beside(path, previous)]
    if len(rest) != 1:
        names = ", ".join(str(path.relative_to(source.folder))[:100] for path in rest[:_NAMED])
        more = f" and {len(rest) - _NAMED} more" if len(rest) > _NAMED else ""
        raise CardError(f"{source.name} holds several models ({names}{more}); import one of these folders.")
    return rest[0]


def _name_of(plans: Plans, source: Source) -> str:
    name = plans.dataset_name or source.name
    return name.removeprefix("Dataset").lstrip("0123456789").lstrip("_").replace("_", " ")[:80] or name[:80]


def _number(key: str) -> int:
    return int(key) if str(key).isdigit() else -1
