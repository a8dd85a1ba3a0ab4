"""A bundle as MONAI itself runs it; also by an interpreter that has MONAI: `monai_peer.py FOLDER OUT IMAGE...`."""

import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser

_LEFT_OUT = ("SaveImaged", "SaveClassificationd")


def run_bundle(folder: Path, images: Sequence[Path], decided: bool = True) -> np.ndarray:
    """What a bundle makes of an image, (channels, x, y, z): its own transforms, inferer and network.

    Args:
        folder: of the bundle.
        images: one, or one a channel.
        decided: with what it does behind the network; else the bare answer.
    """
    values: dict[str, Any] = json.loads((folder / "configs" / "inference.json").read_text())
    values = {key: value for key, value in values.items() if key not in {"handlers", "evaluator", "checkpointloader"}}
    chain = values["postprocessing"]["transforms"]
    values["postprocessing"]["transforms"] = [step for step in chain if step["_target_"] not in _LEFT_OUT]
    values["network_def"] = {k: v for k, v in values["network_def"].items() if k not in {"img_size"}} | (
        {"img_size": values["network_def"]["img_size"]} if values["network_def"]["_target_"] == "UNETR" else {}
    )
    parser = ConfigParser(values)
    network = parser.get_parsed_content("network_def").eval()
    stored = torch.load(folder / "models" / "model.pt", weights_only=True)
    network.load_state_dict(stored["model"])
    data = parser.get_parsed_content("preprocessing")(
        {"image": str(images[0]) if len(images) == 1 else [str(path) for path in images]}
    )
    with torch.no_grad():
        data["pred"] = parser.get_parsed_content("inferer")(data["image"][None], network)[0]
    if not decided:
        return np.asarray(data["pred"])
    return np.asarray(parser.get_parsed_content("postprocessing")(data)["pred"])


def main() -> None:
    """Run a bundle; tell seconds and memory beside what it made."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    images = [Path(path) for path in sys.argv[3:]]
    # The first run makes kernels.
    run_bundle(folder, images)
    began, processors = time.perf_counter(), time.process_time()
    found = run_bundle(folder, images)
    seconds, processor_seconds = time.perf_counter() - began, time.process_time() - processors
    # Of this process alone, where `resource` counts the one that it was started from.
    status = Path("/proc/self/status").read_text() if Path("/proc/self/status").exists() else ""
    known = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")]
    peak = (known or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])[0] / 1024
    np.save(out.with_suffix(".npy"), found.astype(np.uint8))
    out.write_text(json.dumps({"seconds": seconds, "processor_seconds": processor_seconds, "peak_mb": peak}))


if __name__ == "__main__":
    main()
