"""The arguments of a bundle's transforms, networks and inferers: what is not taken of them is refused by its key."""

from collections.abc import Iterator
from typing import Any

from engine.errors import CardError
from engine.importing.bundle_values import Configuration, Foreign

Json = dict[str, Any]

#: Of any transform or inferer, what changes no voxel.
_HARMLESS = {
    "_target_", "_desc_", "_disabled_", "keys", "allow_missing_keys", "lazy", "meta_keys", "meta_key_postfix", "device",
    "sw_device", "sw_batch_size", "progress", "cache_roi_weight_map", "cpu_thresh", "buffer_steps", "buffer_dim",
}  # fmt: skip


class Arguments:
    """Those of one component of a bundle; each that is not taken, and is not harmless, is refused.

    Args:
        values: resolved.
        key: of the component, for people.
        where: the file's name for people.
    """

    def __init__(self, values: Json, key: str, where: str) -> None:
        self.target = str(values.get("_target_", "")).rpartition(".")[2]
        self._values, self.key, self.where = values, key, where
        self._taken: set[str] = set()
        keys = self.take("keys", [])
        #: What a transform is done to.
        self.keys = [str(name) for name in keys] if isinstance(keys, list) else [str(keys)]
        #: Of several values, that of the image or of the network's answer.
        self._index = self.keys.index("pred") if "pred" in self.keys else 0
        self.lazy = False

    def take(self, name: str, default: Any = None) -> Any:
        """The value of an argument.

        Raises:
            CardError: it is written as Python that is not understood.
        """
        self._taken.add(name)
        value = self._values.get(name, default)
        lost = _foreign_in(value)
        if lost is not None:
            raise CardError(
                f"{self.where} says '{lost[:80]}' at {self.key}#{name}, which would have to be run to know what it "
                "is; nothing of a bundle is run."
            )
        return value

    def of(self, key: str) -> None:
        """Where there is a value for each key, that of this one is meant from now on."""
        self._index = self.keys.index(key) if key in self.keys else 0

    def one(self, name: str, default: Any = None) -> Any:
        """Likewise, of the image where there is a value for each key."""
        value = self.take(name, default)
        if isinstance(value, list) and value:
            return value[self._index] if self._index < len(value) else value[0]
        return value

    def only(self, name: str, *known: Any) -> None:
        """Refuse an argument that has another value than these; what is not given is the first of them."""
        value = self.one(name, known[0])
        if value not in known:
            raise CardError(f"{self.where} sets '{str(value)[:60]}' at {self.key}#{name}, which is not known here.")

    def text(self, name: str) -> str:
        """An argument as it is written, which may be Python; "" where it is not given."""
        self._taken.add(name)
        value = self._values.get(name)
        return value.text if isinstance(value, Foreign) else "" if value is None else str(value)

    def done(self) -> None:
        """Refuse what was not taken."""
        rest = sorted(set(self._values) - self._taken - _HARMLESS)
        if rest:
            raise CardError(
                f"{self.where} sets '{rest[0][:60]}' at {self.key} ({self.target}), which is not known here."
            )

    def refuse(self, why: str) -> CardError:
        """The error for this component."""
        return CardError(f"{self.where} has {self.target} at {self.key}, {why}.")


def _foreign_in(value: Any) -> str | None:
    if isinstance(value, Foreign):
        return value.text
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for part in parts if (found := _foreign_in(part)) is not None), None)


def transforms(configuration: Configuration, name: str) -> Iterator[Arguments]:
    """The transforms of a chain, one by one."""
    if "#" not in name and name not in configuration:
        raise CardError(f"{configuration.where} has no '{name}', so it does not say what is done to an image.")
    whole = configuration.get(name)
    lazy = None
    if isinstance(whole, dict) and "_target_" in whole:
        arguments = Arguments(whole, name, configuration.where)
        if arguments.target != "Compose":
            raise arguments.refuse("where a Compose is known")
        given = whole.get("transforms")
        if isinstance(given, Foreign):
            arguments.take("transforms")
        for key in ("transforms", "map_items", "unpack_items", "overrides", "log_stats"):
            arguments.text(key)
        lazy = arguments.take("lazy")
        arguments.done()
    else:
        given = whole
    if not isinstance(given, list):
        raise CardError(f"{configuration.where} has no list of transforms at '{name}'.")
    for index, values in enumerate(given):
        key = f"{name}#{index}"
        if not isinstance(values, dict) or not str(values.get("_target_", "")):
            raise CardError(f"{configuration.where} has something at {key} that is no transform.")
        arguments = Arguments(values, key, configuration.where)
        own = arguments.one("lazy", False)
        arguments.lazy = bool(own if lazy is None else lazy)
        disabled = arguments.take("_disabled_", False)
        if disabled is not True and str(disabled).lower() != "true":
            yield arguments


def edges(arguments: Arguments, value: Any) -> list[int]:
    """As many whole numbers as there are axes; one stands for all, and what is below 1 for the image's own."""
    given = value if isinstance(value, list) else [value, value, value]
    if not all(isinstance(edge, int) or edge is None for edge in given):
        raise arguments.refuse("with sizes that are no whole numbers")
    return [max(edge or 0, 0) for edge in given]
