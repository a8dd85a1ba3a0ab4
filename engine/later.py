"""Modules that are imported when something of theirs is first asked for, so that a window need not wait for them.

A type checker is shown the import, the program the module to come:

    if TYPE_CHECKING:
        from engine.stored import scan
    else:
        scan = later("engine.stored.scan")
"""

import importlib
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


def later(name: str) -> ModuleType:
    """The module of that full name, not imported yet; any thread may be the first to use it."""
    return _Later(name)
