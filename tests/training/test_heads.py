"""Heads: formulas on features and on what is told of a patient, fitted, written into the card, and run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from engine.__main__ import commands
from engine.answers import RunOptions
from engine.cards.registry import load_card
from engine.cards.schema import parse_card
from engine.errors import MismatchError, UnsuitableInputError
from engine.inference.run import run_card
from engine.operations.head import Params
from engine.training.cohort import Patient, patients_of
from engine.training.head import Rows, fitted_on
from engine.training.labelled.sample import Sample
from engine.training.labelled.table import labelled_samples
from engine.training.run import train_card
from engine.training.survival import concordance, fit_cox, free_of_event
from tests.engine.models import network_of, write_weights
from tests.training.cohorts import AGE, SEX, STAGE, write_cohort

Json = dict[str, Any]

NETWORK: Json = {"network": "PatchNet", "in_channels": 1, "num_classes": 2, "filters": [4, 4]}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort"))


def recipe(folder: Path, model: str, label: str, **more: Any) -> Path:
    """A card whose head is to be fitted on the features of a classifier and three variables."""
    seen: Json = {"kind": "montage", "pixels": [1, 16, 16], "grid": [2, 2]}
    params: Json = {"network": NETWORK, "view": seen, "labels": ["bright", "dark"]}
    graph: list[Json] = [
        {"node": "net", "op": "classify", "in": ["ct"], "params": params,
         "weights": [write_weights(folder, "net", network_of(NETWORK))]},
        {"node": "deep", "op": "features", "in": ["net"], "params": {}},
        {"node": "head", "op": "head", "in": ["deep", "net", "variables"],
         "params": {"model": model, "labels": [label], "horizon_months": 36, **more}},
    ]  # fmt: skip
    kind = "risk" if model in {"cox", "nomogram"} else "score"
    values: Json = {
        "id": "survival", "version": "1.0", "task": "prognosis", "title": "Time to death", "fidelity": "inspired",
        "badge": "runs", "inputs": [{"role": "ct", "modality": ["CT"], "units": "HU"}],
        "variables": [AGE, SEX, STAGE],
        "preprocess": [{"op": "windows", "params": {"windows": [[-200, 600]]}}], "graph": graph,
        "outputs": [{"kind": kind, "label": label, "name": label, "node": "head"}],
        "provenance": {"recipe": {"holdout": 0.3}},
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(values), encoding="utf-8")
    return folder


def fitted(folder: Path, data: Path, model: str, label: str = "death", **more: Any) -> Path:
    folder.mkdir()
    (folder / "start").mkdir()
    train_card(
        str(recipe(folder / "start", model, label, **more)), data, validation=None, output=folder / "made",
        minutes=None, seed=0, device="cpu", report=lambda fraction, text: None, node="head",
    )  # fmt: skip
    return folder / "made"


def invoke(*arguments: str | Path) -> Any:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def nomogram(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fitted(tmp_path_factory.mktemp("nomogram") / "card", cohort, "nomogram", sparse=True)


def survival_table() -> tuple[Any, Any, Any]:
    """Eighty patients in whole months, many of them at the same time."""
    rng = np.random.default_rng(7)
    columns = rng.normal(size=(80, 4))
    columns = (columns - columns.mean(0)) / columns.std(0)
    times = np.ceil(20 * rng.exponential(np.exp(-columns @ [1.0, -0.7, 0.0, 0.3])))
    last_seen = rng.integers(5, 60, 80)
    return columns, np.minimum(times, last_seen).astype(float), times <= last_seen


def test_cox_finds_what_lifelines_finds() -> None:
    # lifelines 0.30.3: CoxPHFitter().fit(...).params_, concordance_index, baseline_survival_ at 12 months.
    columns, times, events = survival_table()
    weights = fit_cox(columns, times, events, 0.0)
    assert weights == pytest.approx([1.008076, -0.709434, 0.177286, 0.353570], abs=2e-6)
    assert concordance(times, events, columns @ weights) == pytest.approx(0.8049281314)
    assert free_of_event(columns @ weights, times, events, 12) == pytest.approx(0.622505, abs=2e-5)


def test_a_penalty_holds_cox_back_as_that_of_lifelines_does() -> None:
    # lifelines divides by the deviation with n - 1, and gives weights of columns that are not divided.
    columns, times, events = survival_table()
    own = columns * np.sqrt(79 / 80)
    for penalty, sparse, expected in (
        (0.2, False, [0.654347, -0.451577, 0.115547, 0.281547]),
        (0.05, True, [0.846799, -0.586430, 0.093727, 0.277068]),
    ):
        weights = fit_cox(own, times, events, penalty, sparse=sparse) * np.sqrt(79 / 80)
        assert weights == pytest.approx(expected, abs=3e-4)
    assert fit_cox(own, times, events, 0.2, sparse=True)[2] == 0


def test_a_nomogram_is_fitted_on_features_and_variables_and_orders_patients_it_has_not_seen(
    cohort: Path, nomogram: Path
) -> None:
    told = invoke("evaluate", nomogram, "--data", cohort, "--json")
    assert told.exception is None, told.exception
    summary = json.loads(told.stdout)
    assert summary["n"] == 16 and summary["events"] >= 6 and not summary["failed"]
    assert summary["c_index"] > 0.65 and summary["c_index_ci"][0] < summary["c_index"]
    assert summary["horizon_months"] == 36 and sum(row["n"] for row in summary["reliability"]) == 16
    numbers = load_card(nomogram).card.graph[2].params.fitted
    assert "variables.age" in numbers.columns and numbers.patients == 32


def test_a_run_needs_all_that_the_card_asks_for_before_it_opens_anything(cohort: Path, nomogram: Path) -> None:
    told = invoke("run", cohort / "nothing-there.nii.gz", "--model", nomogram, "--variables", "age=63")
    assert isinstance(told.exception, UnsuitableInputError)
    assert "Time to death needs to be told 'sex' (Sex: F or M), 'stage' (N stage: N0 or N1" in str(told.exception)
    assert "Tell it as --variables sex=VALUE, once for each, or as a table" in str(told.exception)
    told = invoke("run", cohort / "p00.nii.gz", "--model", nomogram, "--variables", "age=630")
    assert "'age' (Age) can't be 630.0; it is a number from 18 to 110 years." in str(told.exception)
    told = invoke("run", cohort / "p00.nii.gz", "--model", nomogram, "--variables", "weight=80")
    assert "asks for no 'weight'; it asks for: age (a number from 18 to 110 years)" in str(told.exception)


def test_a_run_says_what_it_was_told_and_the_points_of_each(cohort: Path, nomogram: Path) -> None:
    loaded, values = load_card(nomogram), {}
    patient = patients_of(labelled_samples(cohort), loaded.card)[1]
    for age in (45.0, 75.0):
        options = RunOptions(variables={"age": age, "sex": "F", "stage": "N2"})
        (score,) = run_card(loaded, patient.sample.images_for(loaded.card), device="cpu", options=options).scores
        values[age] = score.value
        assert f"Computed with Age {age:g} years, Sex female, N stage N2." in score.note
        assert "Points: " in score.note and "age " in score.note
    assert 0 < values[45.0] < values[75.0] < 1


def test_a_table_tells_of_many_studies(cohort: Path, nomogram: Path, tmp_path: Path) -> None:
    studies = [cohort / "p01.nii.gz", cohort / "p02.nii.gz"]
    table = tmp_path / "told.csv"
    table.write_text("study,age,sex,stage\np01.nii.gz,50,F,N0\np02.nii.gz,70,M,N3\n", encoding="utf-8")
    told = invoke("run", *studies, "--model", nomogram, "--variables", table, "--json")
    notes = [study["scores"][0]["calibration"] for study in json.loads(told.stdout)]
    assert "Age 50 years, Sex female, N stage N0." in notes[0] and "Age 70 years, Sex male, N stage N3." in notes[1]
    table.write_text("study,age,sex,stage\np01.nii.gz,50,F,\np02.nii.gz,70,M,N3\n", encoding="utf-8")
    told = invoke("run", *studies, "--model", nomogram, "--variables", table, "--json")
    assert "p01.nii.gz: Time to death needs to be told 'stage'" in str(told.exception)


def test_a_variable_outside_what_was_learned_is_told(cohort: Path, nomogram: Path) -> None:
    loaded = load_card(nomogram)
    patient = patients_of(labelled_samples(cohort), loaded.card)[0]
    options = RunOptions(variables={"age": 101.0, "sex": "F", "stage": "N1"})
    (score,) = run_card(loaded, patient.sample.images_for(loaded.card), device="cpu", options=options).scores
    assert "Outside the patients that it was fitted on: age." in score.note


@pytest.mark.parametrize("model", ["logistic", "svm"])
def test_labels_are_told_apart_by_logistic_regression_and_by_a_support_vector_machine(
    cohort: Path, tmp_path: Path, model: str
) -> None:
    made = load_card(fitted(tmp_path / model, cohort, model, "bright"))
    values = {"bright": [], "dark": []}
    for patient in patients_of(labelled_samples(cohort), made.card):
        if patient.sample.part == "test":
            options = RunOptions(variables=patient.given)
            (score,) = run_card(made, patient.sample.images_for(made.card), device="cpu", options=options).scores
            (label,) = patient.sample.labels
            values[label].append(score.value)
    assert np.mean(values["bright"]) > np.mean(values["dark"]) + 0.2
    above = np.mean(np.array(values["bright"])[:, None] > np.array(values["dark"]))
    assert above > 0.9


def test_a_head_is_the_formula_that_scikit_learn_has() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 3)) * [1, 5, 0.1] + [0, 40, 2]
    holds = values @ [1, 0.4, 0] - 16 + rng.normal(size=60) > 0

    patients = [
        Patient(Sample(str(k), str(k), frozenset({"ill"} if hold else ()), noisy_image), {})
        for k, hold in enumerate(holds)
    ]
    params = Params(model="logistic", labels=("ill",))
    numbers = fitted_on(params, Rows(("a", "b", "c"), values, patients))
    scaled = (values - values.mean(0)) / values.std(0)
    strengths = [0.001, 0.01, 0.1, 1.0, 10.0]
    peers = [LogisticRegression(C=c, solver="liblinear").fit(scaled, holds).coef_[0] for c in strengths]
    assert min(np.abs(np.array(numbers.weights[0]) - peer).max() for peer in peers) < 1e-6


def test_a_head_that_was_not_fitted_says_so(cohort: Path, tmp_path: Path) -> None:
    told = invoke("run", cohort / "p00.nii.gz", "--model", recipe(tmp_path, "cox", "death"))
    assert "'head' of 'survival' was not fitted, so it can't run before training." in str(told.exception)


def test_too_few_events_are_no_ground_for_a_formula(cohort: Path) -> None:
    card = parse_card((recipe_text(cohort)).encode(), "here")
    patients = [p for p in patients_of(labelled_samples(cohort), card) if not p.event][:10]
    rows = Rows(("a",), np.arange(10.0)[:, None], patients)
    with pytest.raises(MismatchError, match="The event came to 0 patients"):
        fitted_on(Params(model="cox", labels=("death",)), rows)


def noisy_image() -> Any:
    raise AssertionError("a head looks at no image")


def recipe_text(folder: Path) -> str:
    place = folder / "card"
    place.mkdir(exist_ok=True)
    return (recipe(place, "cox", "death") / "card.json").read_text()
