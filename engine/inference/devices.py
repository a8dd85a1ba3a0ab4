"""Which device and precision a network runs in."""

import platform
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from engine.errors import EngineError


@dataclass(frozen=True)
class Device:
    """A place to compute.

    Args:
        name: "cpu", "cuda" or "mps".
        precision: of the network's layers; results are float32.
    """

    name: str
    precision: torch.dtype = torch.float32

    def __str__(self) -> str:
        return f"{self.name} {str(self.precision).removeprefix('torch.')}"

    def autocast(self) -> torch.autocast:
        """The context in which a network runs."""
        return torch.autocast(self.name, self.precision, enabled=self.precision != torch.float32)


def devices_to_try(wanted: str = "auto", precision: str = "auto") -> list[Device]:
    """The devices in order; where one runs out of memory the next takes over.

    Args:
        wanted: "auto", "cpu", "cuda" or "mps".
        precision: "auto" or "float32".

    Raises:
        EngineError: the wanted device is not there.
    """
    full = precision == "float32"
    found = []
    if wanted in {"auto", "cuda"} and torch.cuda.is_available():
        half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        found.append(Device("cuda", torch.float32 if full else half))
    if wanted in {"auto", "mps"} and torch.backends.mps.is_available():
        found.append(Device("mps"))
    if wanted in {"cuda", "mps"} and not found:
        raise EngineError(f"There is no device '{wanted}' here; choose 'cpu' or 'auto'.")
    return [*found, Device("cpu", torch.bfloat16 if not full and cpu_has_bf16() else torch.float32)]


@cache
def cpu_has_bf16() -> bool:
    """True where the processor multiplies bfloat16 itself; elsewhere it would be emulated, and slower than float32."""
    if sys.platform == "linux" and platform.machine() == "x86_64":
        try:
            flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
        except OSError:
            return False
        return "avx512_bf16" in flags or "amx_bf16" in flags
    return False
