"""Commands of this environment, run in a folder with the profile that lies there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BIN = Path(sys.executable).parent
#: AiiDA's workers may miss their broker's address at the start.
LISTEN = """
import subprocess
from aiida_mlgun.cli.listening import make_listen
make_listen(1, lambda: subprocess.run(['verdi', 'daemon', 'restart'], check=True, capture_output=True))
print(1)
"""


def run(folder: Path, *words: str, timeout: int = 600) -> subprocess.CompletedProcess[str]:
    """Run a command of this environment in ``folder``, with the profile that lies there."""
    env = os.environ | {"AIIDA_PATH": str(folder), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    env["PATH"] = os.pathsep.join([str(BIN), env.get("PATH", "")])  # the daemon looks for verdi there
    return subprocess.run(
        [str(BIN / words[0]), *words[1:]],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def ask(folder: Path, script: str) -> str:
    """The last line that a Python script prints with the folder's profile loaded."""
    head = "from aiida import load_profile, orm; load_profile()\n"
    done = run(folder, "python", "-c", head + script)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


@contextmanager
def daemon(folder: Path, name: str) -> Iterator[Path]:
    """``folder`` with a profile, the code ``mlgun`` on this computer, and a daemon that is stopped at the end."""
    for words in (
        f"presto --use-zeromq -n -p {name}",
        "config set runner.poll.interval 1",
        "config set daemon.timeout 30",
        f"code create core.code.installed -n -L mlgun -Y localhost -X {BIN / 'mlgun'}",
        "daemon start",
    ):
        done = run(folder, "verdi", *words.split())
        assert done.returncode == 0, done.stdout + done.stderr
    try:
        ask(folder, LISTEN)
        yield folder
    finally:
        run(folder, "verdi", "daemon", "stop")
