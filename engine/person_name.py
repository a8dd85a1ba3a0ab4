"""Names of persons as DICOM writes them, for the screen."""


def shown(name: str) -> str:
    """A name without its signs (PS3.5 6.2): "A^B=C^D" is shown as "A B (C D)", "" as "".

    The first of its alphabetic, ideographic and phonetic forms that is there comes first, the others in brackets.
    """
    forms = [" ".join(form.replace("^", " ").split()) for form in name.split("=")]
    first, *others = [*dict.fromkeys(filter(None, forms))] or [""]
    return f"{first} ({', '.join(others)})" if others else first
