"""Ways to break a site: each does it for real, and puts back what its victim would have to put back by hand."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from .cluster import Cluster
from .sites import PROJECT, Site


def tool(*words: str) -> str:
    """A script of ``tools/`` that must succeed."""
    command = [str(PROJECT / "tools" / words[0]), *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@dataclass(frozen=True)
class Breaker:
    """A site and its cluster, in the hands of one who wishes them ill."""

    site: Site
    cluster: Cluster

    def workers(self) -> list[int]:
        """The process numbers of the profile's daemon workers."""
        return self._daemon("worker")

    def circus(self) -> list[int]:
        """Of what supervises them."""
        return self._daemon("start-circus")

    def shooting(self) -> list[int]:
        """Of the ``mlgun`` processes in the cluster's scratch folder."""
        scratch = Path(self.site.services["SCRATCH"])
        return [
            process.pid
            for process, words in _processes()
            if any(word.endswith("/mlgun") for word in words[:2]) and _folder(process).is_relative_to(scratch)
        ]

    def kill(self, pids: Iterable[int]) -> None:
        """SIGKILL."""
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def kill_daemon(self, workers: bool) -> None:
        """The supervisor, with its workers or without: then those go on without it."""
        self.kill([*self.circus(), *(self.workers() if workers else [])])
        time.sleep(1.0)
        self.kill(self._left_behind())

    def leave_nothing(self) -> None:
        """End whatever of the daemon is left: what a killed supervisor leaves behind hears no stop."""
        self.kill(process.pid for process, _ in _processes() if _of_profile(process, self.site.folder))

    def start_daemon(self, workers: int = 2) -> None:
        """What a user does who finds it dead."""
        self.site.ok("verdi", "daemon", "start", str(workers))

    def cut_ssh(self, seconds: float) -> None:
        """The listener and every open connection; back after ``seconds``."""
        tool("services.sh", "stop", "ssh")
        self.end_sessions()
        time.sleep(seconds)
        tool("services.sh", "start", "ssh")

    def end_sessions(self) -> None:
        """The connections that outlive their sshd: those whose address is the cluster's port."""
        port = int(self.site.services["SSH_PORT"])
        sessions = [
            process.pid
            for process, words in _processes()
            if words and words[0].startswith("sshd: ") and port in _ports(process)
        ]
        self.kill(sessions)

    def restart(self, service: str, seconds: float) -> None:
        """A service goes away and comes back after ``seconds``."""
        tool("services.sh", "stop", service)
        time.sleep(seconds)
        tool("services.sh", "start", service)

    def lock_database(self, seconds: float) -> None:
        """Nobody else can write to it (SQLite), or read or write its nodes (PostgreSQL)."""
        if self.site.backend == "services":
            with psycopg.connect(**self.site.connection) as connection:
                connection.execute("lock table db_dbnode in access exclusive mode")
                time.sleep(seconds)
            return
        path = next((self.site.folder / ".aiida").rglob("database.sqlite"))
        with closing(sqlite3.connect(path, timeout=60.0, isolation_level=None)) as lite:
            lite.execute("begin immediate")
            time.sleep(seconds)
            lite.execute("rollback")

    def lose_node(self, seconds: float) -> None:
        """Slurm takes its node for dead; back after ``seconds``."""
        node = self.cluster.slurm("sinfo", "--noheader", "--format=%n").split()[0]
        self.cluster.slurm("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        time.sleep(seconds)
        # a node that answers comes back by itself (ReturnToService), and then can't be resumed
        self.cluster.try_slurm("scontrol", "update", f"NodeName={node}", "State=RESUME")

    def release_requeued(self) -> None:
        """Slurm lets a job that was begun once wait for two minutes: not in a test."""
        for number, state in self.cluster.jobs().items():
            if state == "PENDING" and self.cluster.record(number).get("Reason") == "BeginTime":
                self.cluster.try_slurm("scontrol", "update", f"JobId={number}", "StartTime=now")

    def _left_behind(self) -> list[int]:
        """The statistics that a supervisor keeps in a process of its own, which outlives it and takes 2 % of a core."""
        return [
            process.pid
            for process, words in _processes()
            if any("from circus import stats" in word for word in words)
            and _parent(process) == 1
            and _of_profile(process, self.site.folder)
        ]

    def _daemon(self, word: str) -> list[int]:
        return [
            process.pid
            for process, words in _processes()
            if "daemon" in words and word in words and _of_profile(process, self.site.folder)
        ]


def _processes() -> Iterable[tuple[psutil.Process, list[str]]]:
    for process in sorted(psutil.process_iter(), key=lambda process: process.pid):
        try:
            yield process, process.cmdline()
        except psutil.Error:
            continue


def _of_profile(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.environ().get("AIIDA_PATH", "/")).is_relative_to(folder)
    except psutil.Error:
        return False


def _parent(process: psutil.Process) -> int:
    try:
        return process.ppid()
    except psutil.Error:
        return 0


def _folder(process: psutil.Process) -> Path:
    try:
        return Path(process.cwd())
    except psutil.Error:
        return Path("/")


def _ports(process: psutil.Process) -> set[int]:
    """The local ports of its connections."""
    try:
        return {connection.laddr.port for connection in process.net_connections("tcp") if connection.laddr}
    except psutil.Error:
        return set()
