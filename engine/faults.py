"""What is wrong with a value of a file, in plain words: of all that is wrong, the first."""

from typing import Any

from pydantic import ValidationError

_LONGEST = 200
#: By the kind of fault; what stands in braces is filled in from what was allowed there.
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "finite_number": "must be a finite number",
    "literal_error": "must be {expected}",
    "string_type": "must be a text",
    "string_too_long": "must have {max_length} letters at most",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "model_type": "must be an object with fields",
    "model_attributes_type": "must be an object with fields",
    "dict_type": "must be an object with fields",
    "union_tag_not_found": "does not say {discriminator}, by which it is known",
    "union_tag_invalid": "must be {expected_tags}",
    "date_from_datetime_parsing": "must be a date, such as 2026-01-31",
    "date_parsing": "must be a date, such as 2026-01-31",
    "date_type": "must be a date, such as 2026-01-31",
}


def first_fault(error: ValidationError, whole: str = "the file", *, in_words: bool = False) -> str:
    """Where the first fault lies, and which it is: "labels.0 must be a text", without a full stop.

    Args:
        error: of pydantic.
        whole: what is at fault where no field of it is named.
        in_words: the place for those who never see the file: "labels 1", counted from 1.
    """
    fault = error.errors(include_url=False)[0]
    parts = [str(part + 1 if in_words and isinstance(part, int) else part) for part in fault["loc"]]
    place = (" " if in_words else ".").join(parts)[:_LONGEST] or whole
    if fault["type"] == "value_error":
        return f"{place}: {str(fault['ctx']['error'])[:300]}"
    return f"{place} {_words(fault)}"


def _words(fault: Any) -> str:
    kind, allowed = fault["type"], fault.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return f"can't be written as '{str(fault['input'])[:60]}'"
    if kind == "string_too_short":
        return "must not be empty" if allowed["min_length"] == 1 else f"must have {allowed['min_length']} letters"
    if kind in {"too_short", "too_long"}:
        least, bound = ("at least", "min_length") if kind == "too_short" else ("at most", "max_length")
        count = allowed[bound]
        return f"must have {least} {count} {'entry' if count == 1 else 'entries'}, and has {allowed['actual_length']}"
    words = _WORDS.get(kind, "is not what it must be")
    return words.format(**{name: _shown(value) for name, value in allowed.items()})[:_LONGEST]


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
