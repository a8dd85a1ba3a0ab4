"""The error tree. Each error says what happened, where, and what the user can do, in one sentence."""


class PlanimeterError(Exception):
    """Base of all errors that are meant for a person to read; `str(error)` is one clear sentence."""


class ReadError(PlanimeterError):
    """A file or series could not be read as an image or as structures."""


class GeometryError(PlanimeterError):
    """Positions, directions or spacings are missing or contradict each other."""


class MismatchError(PlanimeterError):
    """Two things that must belong together (structures and series, masks and grid) do not."""


class WriteError(PlanimeterError):
    """Something could not be written; whatever stood there before is still there."""


class CertificationError(WriteError):
    """A written RTSTRUCT, read back, differs from the structures by more than the tolerance."""


class CardError(PlanimeterError):
    """A model card or its weights are missing, malformed, altered or not yet supported."""


class UnsuitableInputError(CardError):
    """A card refuses an image that it was not made for; `overridable` when a person may run it all the same."""

    def __init__(self, text: str, overridable: bool = False) -> None:
        super().__init__(text)
        self.overridable = overridable


class EngineError(PlanimeterError):
    """Inference failed: out of memory, a dead worker process, or an error inside it."""


class CancelledError(PlanimeterError):
    """The user asked to stop; nothing was changed."""
