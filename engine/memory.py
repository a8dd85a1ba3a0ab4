"""Whether an error says that memory ran out; libraries say so in many ways, and some only by a text."""

import errno

#: What a person is told.
RAN_OUT = "Memory ran out; close other programs, or choose a smaller image."
_SAID = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "unable to allocate",
    "failed to allocate",
    "failed to map segment",
    "bad_alloc",
    "bad allocation",
    "can't start new thread",
    # oneDNN's, and Python's where a module has no room.
    "could not create a primitive",
    "error return without exception set",
)


def ran_out(error: BaseException) -> bool:
    """Whether an error, or one from which it was raised, means that memory ran out."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError) or (isinstance(seen, OSError) and seen.errno == errno.ENOMEM):
            return True
        if isinstance(seen, RuntimeError | ImportError | OSError | SystemError) and says_memory_ran_out(str(seen)):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def says_memory_ran_out(text: str) -> bool:
    """Whether a text, such as a line of a process that ended, says that memory ran out."""
    lower = text.lower()
    return "memoryerror" in lower or any(words in lower for words in _SAID)
