"""The services of ``tools/services.sh``, up for as long as they are needed."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .breaking import tool
from .sites import PROJECT


@contextmanager
def running() -> Iterator[dict[str, str]]:
    """Their addresses, and the compute machine's environment made.  What was down before is stopped at the end."""
    state = os.environ.get("MLGUN_SERVICES") or str(Path(tempfile.gettempdir()) / "mlgun-services")
    os.environ["MLGUN_SERVICES"] = state
    script = str(PROJECT / "tools" / "services.sh")
    was_up = subprocess.run([script, "status"], capture_output=True, check=False).returncode == 0
    tool("services.sh", "start")
    lines = (Path(state) / "env").read_text(encoding="utf-8").splitlines()
    found = dict(line.split("=", 1) for line in lines)
    tool("remote_environment.sh", found["REMOTE_ENV"])
    try:
        yield found
    finally:
        if not was_up:
            tool("services.sh", "stop")
