"""Where memory runs out, a person is told so in one sentence, whichever library says it how."""

import errno
import subprocess
import sys
from collections import deque

import pytest

from engine.__main__ import LazyGroup, run
from engine.memory import RAN_OUT, ran_out
from engine.process.client import _how

WAYS = [
    MemoryError(),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    RuntimeError("Exception thrown in SimpleITK ImageFileReader_Execute: ...: Failed to allocate memory for image."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried ..."),
    RuntimeError("std::bad_alloc"),
    RuntimeError("can't start new thread"),
    RuntimeError("could not create a primitive"),
    SystemError("error return without exception set"),
    ImportError("libtorch_cpu.so: failed to map segment from shared object"),
]


@pytest.mark.parametrize("error", WAYS, ids=str)
def test_it_is_one_line_on_the_command_line(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(**_: object) -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run(type("Group", (LazyGroup,), {"__call__": lambda self, **given: fails(**given)})())
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"planimeter: {RAN_OUT}\n"


def test_it_is_known_behind_another_error_and_nothing_else_is_taken_for_it() -> None:
    try:
        try:
            raise MemoryError
        except MemoryError as inner:
            raise ValueError("no pixels") from inner
    except ValueError as outer:
        assert ran_out(outer)
    for other in (RuntimeError("shapes differ"), ImportError("no module of that name"), OSError(errno.ENOSPC, "full")):
        assert not ran_out(other)


def test_a_process_that_ended_so_is_told_to_have() -> None:
    said = deque(["Traceback ...", "ImportError: libtorch_cpu.so: failed to map segment from shared object"])
    assert _how(1, said) == f"The engine process ended. {RAN_OUT}"
    assert _how(-6, deque(["terminate called after throwing an instance of 'std::bad_alloc'"])).endswith(RAN_OUT)
    assert "memory" not in _how(1, deque(["KeyError: 'x'"]))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is Linux's")
def test_a_command_with_too_little_memory_to_begin_says_so() -> None:
    import resource

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (150 * 1024**2, 150 * 1024**2))

    ended = subprocess.run(
        [sys.executable, "-m", "engine", "models"], capture_output=True, text=True, check=False, preexec_fn=limited
    )
    assert (ended.returncode, ended.stderr) == (2, f"planimeter: {RAN_OUT}\n")
