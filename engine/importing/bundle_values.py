"""The configuration of a MONAI bundle as data. What it writes as Python is read by a closed grammar, and never run.

Understood are references (`@network_def`, `@sizes#0`), literals, lists, dicts, arithmetic with numbers, sums of texts,
comparisons, `a if b else c`, `len`, `int`, `float`, `min`, `max`, `round`, `list`, `tuple` and `str` of such values,
types such as `torch.float32`, and the names of MONAI's common keys. All else is kept as a `Foreign` text, which is
refused where it is needed.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import CardError

_REFERENCE = r"@([A-Za-z_]\w*(?:(?:#|::)\w+)*)"
_LONGEST, _LARGEST, _FEW = 2000, 1e12, 16
#: Values that are looked at of one bundle, and how deep they may lie in one another.
_MOST, _DEEPEST = 50_000, 60

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
_COMPARED: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
}  # fmt: skip
_CALLED: dict[str, Callable[..., Any]] = {
    "len": len, "int": int, "float": float, "min": min, "max": max, "round": round, "list": list, "tuple": list,
    "str": str,
}  # fmt: skip
_TYPES = re.compile(r"(?:torch|np|numpy)\.(float16|bfloat16|float32|float64|uint8|int8|int16|int32|int64|bool)")
_KEYS = {f"monai.utils.CommonKeys.{name}": name.lower() for name in ("IMAGE", "LABEL", "PRED", "LOSS", "METADATA")}


@dataclass(frozen=True)
class Foreign:
    """What is not understood: its text."""

    text: str


class Configuration:
    """The values of a bundle.

    Args:
        values: of its file.
        where: the file's name for people.
    """

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values, self.where = values, where
        self._resolving: list[str] = []
        #: Id → its value, and how many values that is.
        self._known: dict[str, tuple[Any, int]] = {}
        self._looked = 0

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def used(self, holder: str, argument: str, usual: str) -> str:
        """The key of what a component such as the evaluator is given, and so runs; "" where there is nothing.

        Args:
            holder: key of the component.
            argument: that it is given.
            usual: key where there is no such component.
        """
        values = self._values.get(holder)
        if not isinstance(values, Mapping) or "_target_" not in values:
            return usual if usual in self else ""
        given = values.get(argument)
        match = re.fullmatch(rf"\$?\s*{_REFERENCE}", given) if isinstance(given, str) else None
        if match is not None:
            return match[1].replace("::", "#")
        return "" if given is None else f"{holder}#{argument}"

    def get(self, identifier: str) -> Any:
        """What an id such as `preprocessing#transforms#0` stands for, resolved; `Foreign` where there is none.

        Raises:
            CardError: references go in a circle, or there is too much of it.
        """
        identifier = identifier.replace("::", "#")
        if identifier in self._known:
            known, size = self._known[identifier]
            self._look(size)
            return known
        if identifier in self._resolving:
            raise CardError(f"{self.where} has references in a circle ('@{identifier[:80]}').")
        self._resolving.append(identifier)
        before = self._looked
        try:
            value: Any = self._values
            for place, part in enumerate(identifier.split("#")):
                if isinstance(value, str) and place:
                    value = self._resolved(value, 0)
                value = _part_of(value, part)
                if isinstance(value, Foreign):
                    break
            value = self._resolved(value, 0)
        finally:
            self._resolving.pop()
        self._known[identifier] = value, self._looked - before
        return value

    def _look(self, size: int) -> None:
        """Count values, those that are referred to again among them: whoever walks through them does so each time."""
        self._looked += size
        if self._looked > _MOST:
            raise CardError(f"{self.where} is larger, or more deeply nested, than any bundle.")

    def _resolved(self, value: Any, depth: int) -> Any:
        self._look(1)
        if depth > _DEEPEST:
            raise CardError(f"{self.where} is larger, or more deeply nested, than any bundle.")
        if isinstance(value, dict):
            return {str(key): self._resolved(part, depth + 1) for key, part in value.items()}
        if isinstance(value, list):
            return [self._resolved(part, depth + 1) for part in value]
        if not isinstance(value, str):
            return value
        if value.startswith("$"):
            return self._expression(value)
        match = re.fullmatch(_REFERENCE, value)
        if match is not None:
            return self.get(match[1])
        return Foreign(value) if value.startswith(("%", "@")) else value

    def _expression(self, text: str) -> Any:
        if len(text) > _LONGEST:
            return Foreign(text)
        names: list[str] = []

        def named(match: re.Match[str]) -> str:
            names.append(match[1])
            return f"_{len(names) - 1}_"

        try:
            tree = ast.parse(re.sub(_REFERENCE, named, text[1:]).strip(), mode="eval")
            return _limited(self._value(tree.body, names))
        except _NotUnderstoodError:
            return Foreign(text)
        except (SyntaxError, ValueError, TypeError, ArithmeticError, LookupError, RecursionError, MemoryError):
            return Foreign(text)

    def _value(self, node: ast.expr, names: list[str]) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str | None):
            return node.value
        if isinstance(node, ast.Name):
            match = re.fullmatch(r"_(\d+)_", node.id)
            if match is None or int(match[1]) >= len(names):
                raise _NotUnderstoodError
            return _understood(self.get(names[int(match[1])]))
        if isinstance(node, ast.List | ast.Tuple):
            return [self._value(part, names) for part in node.elts]
        if isinstance(node, ast.Dict):
            keys = [self._value(key, names) for key in node.keys if key is not None]
            return dict(zip(keys, [self._value(part, names) for part in node.values], strict=True))
        if isinstance(node, ast.UnaryOp):
            value = self._value(node.operand, names)
            if isinstance(node.op, ast.Not):
                return not value
            if isinstance(node.op, ast.USub | ast.UAdd):
                return -value if isinstance(node.op, ast.USub) else +value
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            left, right = self._value(node.left, names), self._value(node.right, names)
            joined = isinstance(node.op, ast.Add) and type(left) is type(right) and isinstance(left, str | list)
            again = isinstance(node.op, ast.Mult) and isinstance(left, list) and _is_few(right)
            if joined or again or (_is_number(left) and _is_number(right)):
                return _limited(_BINARY[type(node.op)](left, right))
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARED:
            left, right = self._value(node.left, names), self._value(node.comparators[0], names)
            return _COMPARED[type(node.ops[0])](left, right)
        if isinstance(node, ast.BoolOp):
            for part in node.values:
                value = self._value(part, names)
                if bool(value) == isinstance(node.op, ast.Or):
                    break
            return value
        if isinstance(node, ast.IfExp):
            return self._value(node.body if self._value(node.test, names) else node.orelse, names)
        if isinstance(node, ast.Subscript):
            return self._value(node.value, names)[self._value(node.slice, names)]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLED:
            values = [self._value(part, names) for part in node.args]
            if not node.keywords:
                return _limited(_CALLED[node.func.id](*values))
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            if dotted in _KEYS:
                return _KEYS[dotted]
            match = _TYPES.fullmatch(dotted)
            if match is not None:
                return match[1]
        raise _NotUnderstoodError


class _NotUnderstoodError(Exception):
    pass


def _part_of(value: Any, part: str) -> Any:
    if isinstance(value, Mapping) and part in value:
        return value[part]
    if isinstance(value, list) and part.isdigit() and int(part) < len(value):
        return value[int(part)]
    return Foreign(f"@{part}")


def _understood(value: Any) -> Any:
    if isinstance(value, Foreign):
        raise _NotUnderstoodError
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _is_few(value: Any) -> bool:
    return isinstance(value, int) and abs(value) <= _FEW


def _limited(value: Any) -> Any:
    """The value, where it is not made to fill the memory."""
    if _is_number(value) and abs(value) > _LARGEST:
        raise _NotUnderstoodError
    if isinstance(value, str | list) and len(value) > _LONGEST:
        raise _NotUnderstoodError
    return value
