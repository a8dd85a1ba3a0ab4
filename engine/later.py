"""Modules that are imported when something of theirs is first asked for, so that a window need not wait for them.

A type checker is shown the import, the program the module to come:

    if TYPE_CHECKING:
        from engine.stored import scan
    else:
        scan = later("engine.stored.scan")
"""

import importlib
import threading
from types import ModuleType
from typing import Any

#: Two threads that import what stands on one library at once may each meet it half made (pydantic does not bear it).
_ONE_AT_A_TIME = threading.RLock()


class _Later(ModuleType):
    def __getattr__(self, name: str) -> Any:
        with _ONE_AT_A_TIME:
            module = importlib.import_module(self.__name__)
        return getattr(module, name)


def later(name: str) -> ModuleType:
    """The module of that full name, not imported yet; any thread may be the first to use it."""
    return _Later(name)
