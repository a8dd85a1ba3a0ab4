"""Forms by which a person says what he sees: data in `resources/forms`, one JSON file a form.

A form has no behaviour but its rules, so that another way of reporting is another file. A comment is no field: every
finding may have one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from engine.errors import CardError
from engine.faults import first_fault
from engine.findings.assessment import Stated
from engine.shipped import shipped
from engine.structures import Code
from engine.values import CodedConcept, Short, Strict

FormId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=80)]
#: What a person fills in: numbers of numbers and sizes, keys of choices and sides, texts.
Values = Mapping[str, float | str]

#: The longest text that a field takes; more is no remark but a report.
_LONGEST_TEXT = 1000


class FormChoice(Strict):
    """One of the answers of a field: what is kept, what a person reads, and its code in a report."""

    value: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    label: Label
    code: CodedConcept


#: The answers of every field of kind "side" (PS3.16, CID 244).
SIDES = (
    FormChoice(value="right", label="Right", code=CodedConcept(value="24028007", scheme="SCT", meaning="Right")),
    FormChoice(value="left", label="Left", code=CodedConcept(value="7771000", scheme="SCT", meaning="Left")),
    FormChoice(value="both", label="Both", code=CodedConcept(value="51440002", scheme="SCT", meaning="Bilateral")),
)


class FormField(Strict):
    """One thing to fill in.

    Args:
        key: its name in rules and values.
        label, tip: for people.
        kind: a "number"; one of `choices`; a "text"; a "side" (right, left, both); or a "size", a length in mm, or in
            pixels where the image has no millimetres.
        code: the concept that the answer is about, in a report.
        required: the finding cannot be kept without it.
        choices: of a choice.
        low, high, decimals: of a number or size.
        unit: of a number, in UCUM.
    """

    key: Key
    label: Label
    kind: Literal["number", "choice", "text", "side", "size"]
    code: CodedConcept
    required: bool = False
    tip: Short = ""
    choices: Annotated[tuple[FormChoice, ...], Field(max_length=64)] = ()
    low: float = 0.0
    high: float = 0.0
    decimals: Annotated[int, Field(ge=0, le=6)] = 0
    unit: Annotated[str, StringConstraints(max_length=16)] = ""

    @model_validator(mode="after")
    def _consistent(self) -> "FormField":
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError(f"field '{self.key}': a choice, and nothing else, has choices")
        if len({choice.value for choice in self.choices}) != len(self.choices):
            raise ValueError(f"field '{self.key}': two choices have the same value")
        if self.is_number != (self.low < self.high):
            raise ValueError(f"field '{self.key}': a number or size, and nothing else, has a low end below a high end")
        return self

    @property
    def is_number(self) -> bool:
        """Whether what is filled in is a number."""
        return self.kind in ("number", "size")

    @property
    def answers(self) -> tuple[FormChoice, ...]:
        """What there is to choose from; empty for numbers and texts."""
        return SIDES if self.kind == "side" else self.choices

    def problem(self, value: float | str) -> str:
        """Why a value cannot stand here, in one sentence; "" where it can."""
        if self.is_number:
            number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
            if not self.low <= number <= self.high:
                return f"{self.label} is a number from {self.low:g} to {self.high:g}, not {value}."
        elif self.answers and value not in {choice.value for choice in self.answers}:
            return f"{self.label} is one of {', '.join(choice.label for choice in self.answers)}, not {value}."
        elif not isinstance(value, str) or len(value) > _LONGEST_TEXT:
            return f"{self.label} is a text of at most {_LONGEST_TEXT} characters."
        return ""

    def stated(self, value: float | str, size_unit: str) -> Stated:
        """A value that may stand here, as it is kept and reported."""
        concept = _code(self.code)
        if self.is_number:
            return Stated(concept, float(value), size_unit if self.kind == "size" else self.unit, key=self.key)
        for choice in self.answers:
            if choice.value == value:
                return Stated(concept, choice.label, code=_code(choice.code), key=self.key)
        return Stated(concept, str(value), key=self.key)

    def value(self, stated: Stated) -> float | str:
        """What was filled in, from what is kept of it."""
        return next((choice.value for choice in self.answers if choice.label == stated.value), stated.value)

    def recognised(self, stated: Stated) -> Stated:
        """What was read from a report as this field keeps it."""
        label = next(
            (
                choice.label
                for choice in self.answers
                if stated.code is not None
                and (choice.code.value, choice.code.scheme) == (stated.code.value, stated.code.scheme)
            ),
            stated.value,
        )
        return replace(stated, value=label, key=self.key)


class FormRule(Strict):
    """What must or may not be filled in, where other fields have certain values.

    Args:
        when: field → the values at which the rule holds; of several fields, all must.
        needs: fields that must then be filled in.
        empty: fields that must then be empty.
        sentence: what a person reads who broke it.
    """

    when: Annotated[dict[Key, Annotated[tuple[str, ...], Field(min_length=1)]], Field(min_length=1)]
    needs: tuple[Key, ...] = ()
    empty: tuple[Key, ...] = ()
    sentence: Annotated[str, StringConstraints(min_length=1, max_length=200)]

    def is_broken(self, values: Values) -> bool:
        """Whether what was filled in breaks it."""
        if not all(values.get(key) in wanted for key, wanted in self.when.items()):
            return False
        return any(key not in values for key in self.needs) or any(key in values for key in self.empty)


class Form(Strict):
    """A form. The fields are those of its JSON file.

    Args:
        id: the name of its file, and what a card and a finding call it by.
        title: for people.
        finding: what a finding is called that was filled in by it; a field named in `named_by` goes before.
        named_by: the text field whose content names the finding, "" for none.
        code: what is found, in a report.
        note: shown beside it, such as whose system it is.
    """

    id: FormId
    title: Label
    finding: Label
    named_by: Key | Literal[""] = ""
    code: CodedConcept
    note: Short = ""
    fields: Annotated[tuple[FormField, ...], Field(min_length=1, max_length=32)]
    rules: Annotated[tuple[FormRule, ...], Field(max_length=64)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> "Form":
        keys = [field.key for field in self.fields]
        if len(set(keys)) != len(keys):
            raise ValueError("two fields have the same key")
        named = {key for rule in self.rules for key in (*rule.when, *rule.needs, *rule.empty)}
        lost = ({self.named_by} - {""} | named) - set(keys)
        if lost:
            raise ValueError(f"'{min(lost)}' is no field of the form")
        for rule in self.rules:
            for key, wanted in rule.when.items():
                there = {choice.value for choice in self.field(key).answers}
                if not set(wanted) <= there:
                    raise ValueError(f"a rule is about values that field '{key}' does not have")
        return self

    def field(self, key: str) -> FormField:
        """The field of that key. Raises KeyError where there is none."""
        for field in self.fields:
            if field.key == key:
                return field
        raise KeyError(key)

    def problems(self, values: Values) -> tuple[str, ...]:
        """What is wrong with what was filled in, in sentences; empty where it can be kept. Empty fields are absent."""
        found = [f"{field.label} is missing." for field in self.fields if field.required and field.key not in values]
        found += [field.problem(values[field.key]) for field in self.fields if field.key in values]
        found += [rule.sentence for rule in self.rules if rule.is_broken(values)]
        return tuple(problem for problem in found if problem)

    def stated(self, values: Values, size_unit: str = "mm") -> tuple[Stated, ...]:
        """What was filled in, in the order of the fields, as a finding keeps it.

        Args:
            values: without `problems`.
            size_unit: "mm", or "{pixels}" where the image has no millimetres.
        """
        return tuple(field.stated(values[field.key], size_unit) for field in self.fields if field.key in values)

    def values(self, stated: Sequence[Stated]) -> dict[str, float | str]:
        """The inverse of `stated`: what the form's fields show."""
        known = {field.key: field for field in self.fields}
        return {said.key: known[said.key].value(said) for said in stated if said.key in known}

    def recognised(self, stated: Sequence[Stated]) -> tuple[Stated, ...]:
        """What was read from a report, by the fields that have their concepts, in the form's order; others last."""
        order = {(field.code.value, field.code.scheme): index for index, field in enumerate(self.fields)}
        places = [order.get((said.concept.value, said.concept.scheme), len(order)) for said in stated]
        known = [
            self.fields[place].recognised(said) if place < len(order) else said
            for place, said in sorted(zip(places, stated, strict=True), key=lambda pair: pair[0])
        ]
        return tuple(known)

    def name(self, values: Values) -> str:
        """What to call a finding that was filled in so."""
        return str(values.get(self.named_by, "")).strip()[:64] or self.finding


@cache
def forms() -> Mapping[str, Form]:
    """All forms by their ids, the plain one first, then by title.

    Raises:
        CardError: a file is damaged.
    """
    every = [read_form(path.read_bytes(), path.stem) for path in shipped("forms").glob("*.json")]
    return {form.id: form for form in sorted(every, key=lambda form: (form.id != "plain", form.title))}


def find_form(form_id: str) -> Form | None:
    """The form of that id; None where there is none."""
    return forms().get(form_id)


def read_form(data: bytes, name: str) -> Form:
    """The form in the bytes of a JSON file.

    Raises:
        CardError: it is no form, or not the one that the file's name promises.
    """
    try:
        form = Form.model_validate_json(data)
    except ValidationError as error:
        raise CardError(f"The form {name} is not valid: {first_fault(error, 'the form')}.") from error
    if form.id != name:
        raise CardError(f"The form {name} calls itself {form.id}.")
    return form


def _code(concept: CodedConcept) -> Code:
    return Code(concept.value, concept.scheme, concept.meaning)
