"""Whether large blocks stay with the process: counted as page faults of a fresh process."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from aiida_mlgun.remote.engine.malloc import keep_memory

CHILD = """
import resource, sys
import numpy as np
from aiida_mlgun.remote.engine.malloc import keep_memory
if sys.argv[1] == "tuned":
    assert keep_memory()
np.ones(2**23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(2**23)  # 64 MiB: 16384 pages; above 32 MiB glibc maps anew always
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(how: str) -> int:
    environment = os.environ | {"NUMPY_MADVISE_HUGEPAGE": "0"}
    command = [sys.executable, "-c", CHILD, how]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="elsewhere nothing is tuned")
def test_large_blocks_are_faulted_in_once() -> None:
    assert _faults("as it is") > 100_000
    assert _faults("tuned") < 100


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not keep_memory()
