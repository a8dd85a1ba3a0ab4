"""A look at a data set as lines for a terminal."""

from engine.training_process.checked import DataCheck, range_text


def lines_of(check: DataCheck) -> list[str]:
    """The check as text: what there is, a row each, what is wrong."""
    lines = list(check.told)
    for each in check.sets:
        width = max((len(name) for name in each.wanted), default=0)
        amount = {"cases": each.unit, "findings": "an image", "labels": ""}[each.kind]
        for row in each.rows:
            held = "" if row.least is None or row.most is None else f", {range_text([row.least, row.most])} {amount}"
            lines.append(f"  {row.name:{width}}  {row.learn} to learn from, {row.choose} to choose by{held}")
    lines += [f"Wrong: {fault}" for fault in check.faults]
    lines += [f"Both sides: {leak}" for leak in check.leaks]
    lines += [f"Note: {doubt}" for doubt in check.doubts]
    if check.leaks and not check.faults:
        lines.append("Divide it anew, or train with --shared, which is written into the card.")
    elif not check.faults:
        lines.append("It can be learned from.")
    return lines
