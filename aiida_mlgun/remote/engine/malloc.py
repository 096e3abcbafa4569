"""Keep glibc from handing large blocks back to the kernel after each step.

By default glibc maps each block of more than 128 KiB anew and returns it at once, so every tensor of every step is page
faulted again; measured with MACE on a CPU: 1.7 times (float32) to 2.4 times (float64) slower.

Threads, measured too: jobs that share a node are best run as one process per core with one thread each
(``dynamics.threads`` 1); one process with two threads does a fifth less than two with one.
"""

from __future__ import annotations

import ctypes
import platform

M_TRIM_THRESHOLD = -1
M_TOP_PAD = -2
M_MMAP_MAX = -4
SETTINGS = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 256 * 2**20))


def keep_memory() -> bool:
    """Tune ``mallopt`` of this process; call it before the first large allocation.

    Returns whether it took effect: False, and nothing done, where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    return all(mallopt(name, value) == 1 for name, value in SETTINGS)
