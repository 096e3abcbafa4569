"""One run at a time in a job's folder.

A scheduler may start a job twice in one folder: the answer to a submission was lost and it was submitted again, or the
job of a lost node is begun anew while that node lives on.  Two runs would write over each other's files.  So the first
claims the folder and gives signs of life; a second waits until the first has ended, and leaves with its result, or
takes over when the first gives none any more.

A claim is a file with a number, made with ``O_EXCL``; the highest number holds the folder, so that of two runs that
want to take over one wins.  Signs of life are counts, not times: clocks of two machines differ, and jump.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..contract import files

#: s between two signs of life.
BEAT: Final = 5.0
#: s without a sign of life after which a run counts as dead; more than what a busy process or a file system may delay.
DEAD: Final = 60.0
#: s between two looks of a run that waits.
LOOK: Final = 1.0
_NAME: Final = re.compile(r"claim-(\d{6})")
_ROOM: Final = 1 << 16  # bytes kept for the manifest, should the disk be full at the end


@dataclass(frozen=True)
class Timing:
    """Seconds; see the constants of this module."""

    beat: float = BEAT
    dead: float = DEAD
    look: float = LOOK


class Claim:
    """The claim of this run on ``folder``.

    :param lost: called, from a thread, when another run has taken over; by default this run ends at once, for whatever
        it wrote from now on would be written over the other's files.
    """

    def __init__(self, folder: Path, timing: Timing = Timing(), lost: Callable[[], None] | None = None) -> None:
        self.folder, self.timing, self._lost = folder, timing, lost or _leave
        self.number: int | None = None
        self._beats = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._live, name="claim", daemon=True)

    def take(self) -> bool:
        """Claim the folder, waiting while another run holds it.

        :returns: False when the other run has ended and left its manifest: there is nothing to do.
        """
        waited = False
        while True:
            holder = self._newest()
            if waited and holder is None and (self.folder / files.MANIFEST).exists():
                return False
            if holder is None or self._dead(holder):
                if self._make(0 if holder is None else holder + 1):
                    self._thread.start()
                    return True
                continue
            if not waited:
                print(f"mlgun: {_told(self._read(holder))} works in this folder; waiting for its end.", file=sys.stderr)
            waited = True

    @property
    def held(self) -> bool:
        """Whether no other run has taken over."""
        return self.number is not None and self._newest() == self.number

    def make_room(self) -> None:
        """Give back the disk space that was kept for the manifest."""
        if self.number is not None:
            os.truncate(self._path(self.number), 0)

    def release(self) -> None:
        """End the claim, once the manifest stands."""
        if self.number is None or not self.held:
            return
        self._done.set()
        self._thread.join()
        for path in sorted(self._files()):  # the own one, the highest, last
            path.unlink(missing_ok=True)
        self.number = None

    def _files(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]

    def _path(self, number: int) -> Path:
        return self.folder / f"claim-{number:06d}"

    def _newest(self) -> int | None:
        return max((int(path.name[6:]) for path in self._files()), default=None)

    def _make(self, number: int) -> bool:
        try:
            handle = os.open(self._path(number), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self._sign().ljust(_ROOM))
                file.flush()
                os.fsync(file.fileno())
        except OSError:  # a full disk: what is left would keep the next run waiting
            self._path(number).unlink(missing_ok=True)
            raise
        self.number = number
        return True

    def _sign(self) -> bytes:
        self._beats += 1
        pid = os.getpid()
        told = {"where": _where(), "pid": pid, "born": _born(pid), "beats": f"{self._beats:09d}"}
        return json.dumps(told, sort_keys=True).encode()

    def _live(self) -> None:
        assert self.number is not None
        path = self._path(self.number)
        while not self._done.wait(self.timing.beat):
            if not self.held:
                self._lost()
                return
            try:
                with path.open("r+b") as file:
                    file.write(self._sign())
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:  # a full disk must not end a run that may still find room for its results
                print(f"mlgun: no sign of life could be written ({error}).", file=sys.stderr)

    def _read(self, number: int) -> dict[str, Any]:
        """What the claim says; empty while it is being written, or when it is gone."""
        try:
            told = json.loads(self._path(number).read_bytes())
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    def _dead(self, number: int) -> bool:
        """Look for up to ``look`` seconds of a living run, ``dead`` of one that gives no sign."""
        first, begun = self._read(number), time.monotonic()
        while True:
            now = self._read(number)
            if now.get("where") == _where() and _born(int(now["pid"])) != now["born"]:
                return self._newest() == number
            if self._newest() != number or now != first:
                time.sleep(self.timing.look)
                return False
            if time.monotonic() - begun > self.timing.dead:
                return True
            time.sleep(self.timing.look)


def _where() -> str:
    """Where a process number means the same process: this machine and, on Linux, this namespace of processes."""
    space = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()} {space.readlink()}" if space.is_symlink() else socket.gethostname()


def _born(pid: int) -> str | None:
    """When process ``pid`` of this machine began, in the kernel's ticks; None if there is none (proc(5), field 22)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def _told(told: dict[str, Any]) -> str:
    return f"another run (process {told.get('pid', '?')} on {str(told.get('where', '?')).split()[0]})"


def _leave() -> None:
    print("mlgun: another run has taken over this folder, because this one gave no sign of life.", file=sys.stderr)
    sys.stderr.flush()
    os._exit(1)
