"""How much memory a run took at most."""

from __future__ import annotations

import resource
import sys

_MIB = 1 << 20
_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss: bytes there, KiB on Linux (getrusage(2))


def peaks() -> dict[str, float]:
    """``peak_MiB`` of this process or, if larger, of one of its children; ``peak_device_MiB`` when a GPU was used."""
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    found = {"peak_MiB": most * _UNIT / _MIB}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        found["peak_device_MiB"] = torch.cuda.max_memory_reserved() / _MIB
    return found
