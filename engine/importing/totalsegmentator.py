"""A folder of TotalSegmentator's weights: `DatasetNNN_NAME/TRAINER__PLANS__CONFIGURATION`, for a task one or several.

Around nnU-Net TotalSegmentator turns the image to right, front and head, brings it to the spacing of the task, mirrors
nothing, takes the first fold, and lays the parts of a task over one another. Some tasks look at the box around what
another task finds, some are cut to what another finds, and some choose among the pieces that a network sets.

The table of tasks says of each: `ids` of its data sets; `crop`, by which task, around which of its labels; `within`,
those of that task to which it is cut; `tidy`, as `engine.operations.tidy` has it; `into`, the task and label to which
it is cut after it has grown; `auxiliary`, labels of its network that are not drawn.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from engine.errors import CardError
from engine.importing import nnunet
from engine.importing.about import exact_option
from engine.importing.meanings import named
from engine.importing.naming import card_id, identifiers, outputs
from engine.importing.source import Source
from engine.operations.tidy import Tidy
from engine.shipped import read_list

Json = dict[str, Any]

_FREE = "Apache-2.0"
_BOUGHT = "by licence number of TotalSegmentator's authors; free for non-commercial use"
_FIRST_FOLD = (0,)


def recognises(folder: Path) -> bool:
    """Whether weights of TotalSegmentator lie there."""
    return bool(_parts(folder))


def convert(source: Source, target: Path) -> Json:
    """Write the weights of a task into `target`, and give its card.

    Raises:
        CardError: parts are missing, several tasks could be meant, or the task can't be done here.
    """
    task = _chosen(_parts(source.folder, source.wish.task), source)
    name = str(task["task"])
    work = _Work(source, target, _parts(source.folder, name), len(_needed(task)))
    labels = _labels(task)
    graph = work.nodes_of(task, "", ())
    return _card(source, task, graph, names=[label for own in labels.values() for label in own], last=graph[-1]["node"])


@dataclass
class _Work:
    """The conversion of a task and of those by which it is cropped.

    Args:
        source: that is imported.
        target: folder for the weights.
        parts: folders by the numbers of the data sets.
        count: of the data sets.
        done: of them.
    """

    source: Source
    target: Path
    parts: dict[int, Path]
    count: int
    done: int = 0

    def nodes_of(self, task: Json, prefix: str, only: Sequence[str]) -> list[Json]:
        """The nodes of a task, the last of which draws.

        Args:
            task: of the table.
            prefix: of the nodes' names.
            only: labels by which another task is cropped, that are outlined then; else all are drawn.
        """
        graph: list[Json] = []
        given_to_all: Json = {"axes": "RAS", "mirrors": [], "step": task["step"]}
        crop, within = task.get("crop"), task.get("within", {"labels": []})
        if crop:
            needed = list(dict.fromkeys([*crop["around"], *within["labels"]]))
            graph = self.nodes_of(_task_of(str(crop["by"])), f"{prefix}around-", needed)
            given_to_all |= {"around": identifiers(crop["around"]), "margin_mm": crop["margin_mm"]}
        if task["spacing_mm"] is not None:
            given_to_all["first_mm"] = task["spacing_mm"]
        if "tidy" in task:
            given_to_all["tidy"] = task["tidy"]
        if _is_of_voxels(task):
            given_to_all["exact"] = True
        before = [graph[-1]["node"]] if graph else []
        labels, own = _labels(task), []
        for number in task["ids"]:
            given = given_to_all | {"labels": identifiers(labels[number])}
            if only:
                given |= {"only": [label for label in given["labels"] if label in identifiers(only)]}
            node = self._node(task, number, f"{prefix}part{number}", given)
            own.append(node | {"in": [_role(task), *before]})
        graph += own
        if len(own) > 1:
            name = f"{prefix}together"
            graph.append({"node": name, "op": "overlay", "in": [node["node"] for node in own], "params": {}})
        if within["labels"]:
            params = {"labels": identifiers(within["labels"]), "margin_mm": within["margin_mm"]}
            graph.append(
                {"node": f"{prefix}within", "op": "mask", "in": [graph[-1]["node"], *before], "params": params}
            )
        into = task.get("into")
        if into:
            drawn = graph[-1]["node"]
            graph += self.nodes_of(_task_of(str(into["by"])), f"{prefix}into-", [into["label"]])
            params = {"into": identifiers([into["label"]])[0], "grown_mm": into["grown_mm"]}
            inputs = [drawn, graph[-1]["node"]]
            graph.append({"node": f"{prefix}refined", "op": "grow_into", "in": inputs, "params": params})
        return graph

    def _node(self, task: Json, number: int, name: str, given: Json) -> Json:
        part, share = self.parts[number], 1 / self.count
        node = nnunet.node_of(
            self.source, _results(part, self.source), self.target, name=name, done=self.done * share, share=share,
            folds=tuple(task.get("folds", _FIRST_FOLD)),
        )  # fmt: skip
        self.done += 1
        known = node["params"]
        # Some weights have been published without the labels that only helped.
        more = max(len(known["labels"]) - len(given["labels"]), 0)
        labels = [*given["labels"], *identifiers(task.get("auxiliary", []))[:more]]
        if known["activation"] != "softmax" or len(known["labels"]) != len(labels) or len(known["channels"]) != 1:
            raise CardError(f"{self.source.told(part)} has other labels than TotalSegmentator's task '{task['task']}'.")
        known |= given | {"labels": labels}
        return node


def _is_of_voxels(task: Json) -> bool:
    """Whether the rules of a task are about voxels, so that these are outlined."""
    return "into" in task or Tidy.model_validate(task.get("tidy", {})).is_of_voxels


def _role(task: Json) -> str:
    return "ct" if task["modality"] == "CT" else "mr"


def _task_of(name: str) -> Json:
    return next(task for task in _tasks() if task["task"] == name)


def _needed(task: Json) -> list[int]:
    """The numbers of a task's data sets, and of those of other tasks that it makes use of."""
    others = [number for name in _helpers(task) for number in _needed(_task_of(name))]
    return [*others, *(int(number) for number in task["ids"])]


def _helpers(task: Json) -> list[str]:
    """The other tasks that a task makes use of."""
    return [str(task[key]["by"]) for key in ("crop", "into") if key in task]


def _card(source: Source, task: Json, graph: Sequence[Json], *, names: Sequence[str], last: str) -> Json:
    name, known_as = str(task["task"]), named(names)
    is_ct = _role(task) == "ct"
    spacing = task["spacing_mm"]
    at = f" at {' × '.join(f'{step:.3g}' for step in spacing)} mm" if spacing else ""
    return {
        "id": source.wish.card_id or card_id("totalsegmentator", name),
        "version": "1.0",
        "task": "segment",
        "title": f"TotalSegmentator: {name.replace('_', ' ')}",
        "fidelity": "modern",
        "badge": "runs",
        "inputs": [{"role": "ct", "modality": ["CT"], "units": "HU"} if is_ct else {"role": "mr", "modality": ["MR"]}],
        "graph": list(graph),
        "outputs": outputs(identifiers(names), known_as, last),
        "uncertainty": {"method": "entropy"},
        "options": [] if _is_of_voxels(task) else [exact_option("nnunet.exact", "TotalSegmentator")],
        "provenance": {
            "paper_doi": "10.1148/ryai.230024" if is_ct else "10.1148/radiol.241613",
            "imported_from": "TotalSegmentator",
            "sources": source.sources,
            "notes": known_as.notes,
            "training_data": [{"name": "The data of TotalSegmentator's authors", "licence": "see there"}],
        },
        "licence": {"code": _FREE, "weights": _FREE if task["free"] else _BOUGHT, "commercial": bool(task["free"])},
        "limits": f"Imported; not measured here. It works{at}; "
        + ("contours are the outlines of voxels." if _is_of_voxels(task) else "contours are traced from that grid."),
    }


@cache
def _tasks() -> tuple[Json, ...]:
    return tuple(read_list("totalsegmentator.json")["tasks"])


def _labels(task: Json) -> dict[int, list[str]]:
    """Number of the data set → what its labels are called, from 1 on."""
    known = read_list("totalsegmentator.json")["labels"]
    return {int(number): known[str(number)] for number in task["ids"]}


def _parts(folder: Path, name: str = "") -> dict[int, Path]:
    """Number → folder of the data sets in a folder, or that it is or is of, which are TotalSegmentator's.

    They are known by their names and labels; those of the task `name`, which a person named, by their numbers alone.
    """
    wanted = {int(number) for task in _tasks() for number in task["ids"]}
    named = {int(number) for task in _tasks() if task["task"] == name for number in task["ids"]}
    found = {}
    own = folder.parent if nnunet.is_results(folder) else folder
    for path in (own, *sorted(folder.glob("Dataset*"))):
        match = re.match(r"Dataset0*(\d+)_", path.name)
        if match is not None and int(match[1]) in wanted:
            number = int(match[1])
            if number in named or _is_of_it(path, number):
                found[number] = path
    return found


def _is_of_it(folder: Path, number: int) -> bool:
    """Whether a data set is TotalSegmentator's: a number alone may be anybody's."""
    if "totalseg" in folder.name.lower():
        return True
    own = set(read_list("totalsegmentator.json")["labels"].get(str(number), ()))
    for path in folder.glob("*__*__*/dataset.json"):
        try:
            named = {str(name) for name in json.loads(path.read_bytes())["labels"]} - {"background"}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        if own and named == own:
            return True
    return False


def _chosen(parts: dict[int, Path], source: Source) -> Json:
    """The task to import: that which was asked for, or the only one whose parts are all there."""
    if source.wish.task:
        for task in _tasks():
            if task["task"] == source.wish.task:
                missing = [str(number) for number in _needed(task) if number not in parts]
                if missing:
                    raise CardError(
                        f"{source.name} lacks the weights {', '.join(missing)} of the task '{task['task']}'."
                    )
                return task
        names = ", ".join(str(task["task"]) for task in _tasks())
        raise CardError(f"TotalSegmentator has no task '{source.wish.task}'; it has: {names}.")
    whole = [task for task in _tasks() if all(number in parts for number in _needed(task))]
    # Weights of which another task makes use are there for that.
    helpers = {name for other in whole for name in _helpers(other)}
    whole = [task for task in whole if task["task"] not in helpers]
    if len(whole) == 1:
        return whole[0]
    if whole:
        names = ", ".join(str(task["task"]) for task in whole)
        raise CardError(f"{source.name} holds several tasks of TotalSegmentator; name one with --task: {names}.")
    part = next(task for task in _tasks() if any(number in parts for number in task["ids"]))
    lacking = ", ".join(str(number) for number in _needed(part) if number not in parts)
    raise CardError(
        f"{source.name} holds a part of TotalSegmentator's task '{part['task']}' and lacks the weights {lacking}; "
        "import the folder that holds them all."
    )


def _results(folder: Path, source: Source) -> Path:
    if nnunet.is_results(source.folder):
        return source.folder
    found = [path for path in sorted(folder.glob("*__*__*")) if (path / "plans.json").is_file()]
    if len(found) != 1:
        raise CardError(f"{source.told(folder)} holds {len(found)} models, and one is needed.")
    return found[0]
