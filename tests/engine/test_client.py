"""The inference process: results, cancelling, death, parents, memory and the network."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.cards.registry import SHIPPED, load_card
from engine.errors import EngineError
from engine.inference.run import run_card
from engine.process.client import EngineClient
from engine.process.messages import Cancelled, Failed, Finished, Progress
from engine.structures import Generation
from engine.volume import Volume
from tests.engine.models import UNET, segmenter_node, write_card
from tests.engine.phantoms import make_scene

EXTERNAL = SHIPPED / "external"
SHARED = Path("/dev/shm")


@pytest.fixture(scope="module")
def volume() -> Volume:
    return make_scene(planes=24, couch="shell").volume


@pytest.fixture
def client() -> Iterator[EngineClient]:
    made = EngineClient(warm=False)
    yield made
    made.close()


def blocks() -> set[str]:
    """Shared memory that this process holds."""
    maps = Path("/proc/self/maps")
    return {line.split()[-1] for line in maps.read_text().splitlines() if "/psm_" in line} if maps.exists() else set()


def all_blocks() -> set[str]:
    """Shared memory of all processes."""
    return set(os.listdir(SHARED)) if SHARED.is_dir() else set()


def released(client: EngineClient, before: set[str]) -> bool:
    """Whether what the client had in shared memory is gone soon after it is told to let go."""
    client.release()
    end = time.monotonic() + 5
    while blocks() - before and time.monotonic() < end:
        time.sleep(0.02)
    return not blocks() - before


def slow_card(folder: Path) -> Path:
    """A model that takes long on a phantom, and not more than a second a tile."""
    arguments = UNET | {"channels": [24, 24, 24]}
    node = segmenter_node(folder, arguments=arguments, patch=[16, 96, 96], overlap=0.9)
    return write_card(folder, [node], ["Left", "Right"]).folder


def test_what_an_image_says_of_its_part_of_the_body_reaches_the_process(
    client: EngineClient, volume: Volume, tmp_path: Path
) -> None:
    image = {"role": "ct", "modality": ["CT"], "units": "HU", "regions": ["head"]}
    card = write_card(tmp_path / "head", [segmenter_node(tmp_path / "head")], ["Left", "Right"], inputs=[image])
    thigh = replace(volume, info=replace(volume.info, attributes={"BodyPartExamined": "THIGH"}))
    message = client.wait(client.run(card.folder, {"ct": thigh}), 60)
    assert isinstance(message, Failed) and message.unsuitable and "THIGH" in message.sentence


def test_a_run_in_the_process_draws_what_a_run_here_draws(client: EngineClient, volume: Volume) -> None:
    before = blocks()
    reports: list[Progress] = []
    message = client.wait(client.run(EXTERNAL, {"image": volume}), 60, reports.append)
    assert isinstance(message, Finished)
    expected = run_card(load_card(EXTERNAL), {"image": volume})
    (roi,), (same,) = message.result.rois, expected.rois
    assert list(roi.planes) == list(same.planes)
    assert all(roi.area(k).equals_exact(same.area(k), 0) for k in roi.planes)
    assert roi.roi_type == "EXTERNAL" and roi.provenance.generation is Generation.AUTOMATIC
    assert roi.provenance.algorithm == "external" and roi.code is not None
    assert reports and [r.fraction for r in reports] == sorted(r.fraction for r in reports)
    assert released(client, before)


def test_a_second_run_on_the_same_images_does_not_copy_them_again(client: EngineClient, volume: Volume) -> None:
    before = blocks()
    assert isinstance(client.wait(client.run(EXTERNAL, {"image": volume}), 60), Finished)
    attached = blocks() - before
    assert len(attached) == 1
    assert isinstance(client.wait(client.run(EXTERNAL, {"image": volume}), 60), Finished)
    assert blocks() - before == attached
    other = make_scene(planes=20, couch="shell").volume
    assert isinstance(client.wait(client.run(EXTERNAL, {"image": other}), 60), Finished)
    assert not (blocks() & attached), "what the next run does not look at is given back"
    assert released(client, before)


def test_what_is_in_shared_memory_is_given_back_by_itself(
    client: EngineClient, volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.process.client.KEEP_S", 0.1)
    before = blocks()
    assert isinstance(client.wait(client.run(EXTERNAL, {"image": volume}), 60), Finished)
    end = time.monotonic() + 5
    while blocks() - before and time.monotonic() < end:
        time.sleep(0.02)
    assert not blocks() - before


def test_starting_returns_at_once_and_is_up_within_5_s(client: EngineClient) -> None:
    began = time.monotonic()
    client.start()
    assert time.monotonic() - began < 0.1
    assert client.wait_ready(20)


def test_cancelling_stops_a_running_job_within_2_s(tmp_path: Path, client: EngineClient, volume: Volume) -> None:
    before = blocks()
    job = client.run(slow_card(tmp_path / "slow"), {"ct": volume}, device="cpu")
    while not any(isinstance(m, Progress) and m.tile >= 1 for m in client.poll()):
        time.sleep(0.05)
    began = time.monotonic()
    client.cancel(job)
    message = client.wait(job, 10)
    assert isinstance(message, Cancelled) and time.monotonic() - began < 2.0
    assert released(client, before)
    again = client.wait(client.run(EXTERNAL, {"image": volume}), 60)
    assert isinstance(again, Finished)


def test_a_process_that_does_not_listen_is_ended(client: EngineClient, volume: Volume) -> None:
    client.start()
    assert client.wait_ready(20)
    pid = client.process_id
    assert pid is not None
    job = client.run(EXTERNAL, {"image": volume})
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    client.cancel(job)
    assert isinstance(client.wait(job, 10), Cancelled)
    assert time.monotonic() - began < 2.5
    assert client.process_id != pid


def test_a_waiting_job_is_cancelled_before_it_begins(tmp_path: Path, client: EngineClient, volume: Volume) -> None:
    first = client.run(slow_card(tmp_path / "slow"), {"ct": volume}, device="cpu")
    second = client.run(EXTERNAL, {"image": volume})
    client.cancel(second)
    assert isinstance(client.wait(second, 5), Cancelled)
    client.cancel(first)
    assert isinstance(client.wait(first, 10), Cancelled)


def test_a_killed_process_is_told_in_a_sentence_and_the_next_run_has_a_new_one(
    client: EngineClient, volume: Volume, tmp_path: Path
) -> None:
    before = blocks()
    job = client.run(slow_card(tmp_path / "slow"), {"ct": volume}, device="cpu")
    while not any(isinstance(m, Progress) for m in client.poll()):
        time.sleep(0.02)
    pid = client.process_id
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    message = client.wait(job, 20)
    assert isinstance(message, Failed) and "memory ran out" in message.sentence and "\n" not in message.sentence
    assert released(client, before)
    assert isinstance(client.wait(client.run(EXTERNAL, {"image": volume}), 60), Finished)


def test_a_card_that_fails_is_told_in_its_own_words(client: EngineClient, volume: Volume, tmp_path: Path) -> None:
    message = client.wait(client.run(tmp_path, {"ct": volume}), 60)
    assert isinstance(message, Failed) and "no model card" in message.sentence
    limits = [{"role": "ct", "modality": ["CT"], "units": "HU", "spacing_mm": [3, 4]}]
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left"], inputs=limits)
    message = client.wait(client.run(loaded.folder, {"ct": volume}), 60)
    assert isinstance(message, Failed) and message.unsuitable and "1 × 1 mm" in message.sentence


def test_closing_ends_the_process_and_its_jobs(tmp_path: Path, volume: Volume) -> None:
    before = blocks()
    client = EngineClient(warm=False)
    job = client.run(slow_card(tmp_path / "slow"), {"ct": volume}, device="cpu")
    while not any(isinstance(m, Progress) for m in client.poll()):
        time.sleep(0.02)
    pid = client.process_id
    client.close()
    assert isinstance(client.poll()[-1], Cancelled)
    assert blocks() == before
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(EngineError, match="closed"):
        client.run(EXTERNAL, {"image": volume})
    assert job == 1


@pytest.mark.skipif(not SHARED.is_dir(), reason="looks at Linux's shared memory")
def test_when_the_program_is_killed_its_process_ends_and_the_memory_is_freed(tmp_path: Path) -> None:
    before = all_blocks()
    card = slow_card(tmp_path / "slow")
    code = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from engine.process.client import EngineClient
        from engine.process.messages import Progress
        from tests.engine.phantoms import make_scene
        client = EngineClient(warm=False)
        client.run(Path({str(card)!r}), {{"ct": make_scene(planes=24).volume}}, device="cpu")
        while not any(isinstance(m, Progress) for m in client.poll()):
            time.sleep(0.02)
        print(client.process_id, flush=True)
        time.sleep(60)
    """)
    # What is killed can't tidy up; Python's tracker does, and says so on standard error.
    program = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2]
    )
    assert program.stdout is not None
    pid = int(program.stdout.readline())
    program.kill()
    program.wait()
    end = time.monotonic() + 10
    while time.monotonic() < end and (Path(f"/proc/{pid}").exists() or all_blocks() - before):
        time.sleep(0.05)
    assert not all_blocks() - before
    status = Path(f"/proc/{pid}/status")
    assert not status.exists() or "zombie" in status.read_text()
    program.stdout.close()


def test_the_process_has_no_network() -> None:
    code = textwrap.dedent("""
        from engine.process.confinement import leave_network
        how = leave_network()
        import socket
        listening = None
        try:
            socket.create_connection(("127.0.0.1", %d), timeout=2)
        except OSError as error:
            print(how, "refused")
        else:
            print(how, "connected")
    """)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-c", code % port], check=True, capture_output=True, text=True, timeout=30
        )
    assert done.stdout.split() in (["namespace", "refused"], ["guard", "refused"])


def test_the_process_can_write_only_to_the_temporary_folder(tmp_path: Path) -> None:
    for name in ("temporary", "home"):
        (tmp_path / name).mkdir()
    (tmp_path / "home" / "old").write_text("kept")
    code = textwrap.dedent("""
        import sys
        from pathlib import Path
        from engine.process.confinement import give_up_writing
        held, folder = give_up_writing(), Path(sys.argv[1])
        (folder / "temporary" / "new").write_text("fine")
        done = []
        for act in (
            lambda: (folder / "home" / "new").write_text("x"),
            lambda: (folder / "home" / "old").write_text("x"),
            lambda: (folder / "home" / "old").unlink(),
            lambda: (folder / "home" / "sub").mkdir(),
        ):
            try:
                act()
                done.append(True)
            except PermissionError:
                done.append(False)
        print(held, any(done), (folder / "home" / "old").read_text() if not any(done) else "")
    """)
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True, timeout=30,
        env=environment, cwd=Path(__file__).parents[2],
    ).stdout.split()  # fmt: skip
    if told[0] == "False":
        pytest.skip("this system has no Landlock")
    assert told == ["True", "False", "kept"]


def test_the_voxels_are_those_of_the_moment_of_the_run(client: EngineClient, volume: Volume) -> None:
    copy = Volume(volume.voxels.copy(), volume.geometry, volume.modality, volume.units)
    message = client.wait(client.run(EXTERNAL, {"image": copy}), 60)
    assert isinstance(message, Finished)
    assert np.array_equal(copy.voxels, volume.voxels)
