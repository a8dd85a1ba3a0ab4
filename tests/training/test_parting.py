"""No patient is learned from by one network of a card and held out by another."""

import csv
from collections.abc import Iterable
from pathlib import Path

import pytest

from engine.cards.published import find_recipes
from engine.training.labelled.listed import samples
from engine.training.labelled.sample import split
from engine.training.parting import parted

CARDS = {loaded.id: loaded.card for loaded in find_recipes()}
NAMES = [f"p{index:03d}" for index in range(40)]


def sides(
    card: str, data: Path, names: Iterable[str], holdout: float | None, seed: int = 0
) -> tuple[list[str], list[str]]:
    return parted(CARDS[card], data, {name: name for name in names}, holdout, seed)


def write_table(folder: Path, rows: list[dict[str, str]]) -> None:
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("card", ["liver-lesions-mr", "liver-masses-ct"])
def test_a_segmenter_holds_out_the_patients_that_the_classifier_behind_it_holds_out(tmp_path: Path, card: str) -> None:
    # Two cases of each patient.
    write_table(tmp_path, [
        {"path": f"imagesTr/{name}_0000.nii.gz", "patient": f"patient {index // 2}", "label": "A"}
        for index, name in enumerate(NAMES)
    ])  # fmt: skip
    learned, held_out = sides(card, tmp_path, NAMES, 0.3)
    by_classifier = [{sample.name[9:13] for sample in part} for part in split(samples(tmp_path), 0.3)]
    assert [set(learned), set(held_out)] == by_classifier
    assert 4 <= len(held_out) <= 20 and len(learned) + len(held_out) == len(NAMES)
    assert not {NAMES.index(n) // 2 for n in learned} & {NAMES.index(n) // 2 for n in held_out}


def test_parts_that_the_table_tells_are_kept_and_the_test_part_is_never_seen(tmp_path: Path) -> None:
    parts = {"p000": "train", "p001": "validation", "p002": "test"}
    write_table(tmp_path, [
        {"path": f"imagesTr/{name}_0000.nii.gz", "patient": name, "label": "A", "split": part}
        for name, part in parts.items()
    ])  # fmt: skip
    assert sides("liver-masses-ct", tmp_path, parts, 0.1) == (["p000"], ["p001"])
    assert sides("liver-masses-ct", tmp_path, parts, None) == (["p000", "p001"], []), "another set to choose by"


def test_cases_in_folders_belong_to_the_patient_of_the_folder(tmp_path: Path) -> None:
    write_table(tmp_path, [
        {"path": "anna/ct", "patient": "anna", "label": "A", "split": "train"},
        {"path": "bert/ct", "patient": "bert", "label": "A", "split": "validation"},
    ])  # fmt: skip
    made = sides("liver-masses-ct", tmp_path, ["anna/rs/1.dcm", "bert/rs/1.dcm"], 0.1)
    assert made == (["anna/rs/1.dcm"], ["bert/rs/1.dcm"])


def test_a_card_of_detector_and_segmenter_holds_out_by_name_whatever_the_seed_of_each_network(tmp_path: Path) -> None:
    detector, segmenter = (sides("rectal-nodes-mr", tmp_path, NAMES, 0.3, seed) for seed in (0, 1))
    assert detector == segmenter and detector[1]


def test_segmenters_alone_hold_out_their_share_by_the_seed_of_the_recipe(tmp_path: Path) -> None:
    first, again, other = (sides("liver-tumour-mr", tmp_path, NAMES, 0.2, seed)[1] for seed in (1, 1, 2))
    assert first == again != other and len(first) == len(other) == 8
    assert sides("liver-tumour-mr", tmp_path, NAMES, 0.0) == (NAMES, [])
