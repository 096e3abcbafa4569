"""``mlgun VERB job.json``: run one job in the folder of its description; every end becomes a manifest."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import json
import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from .. import __version__
from ..contract import files
from ..contract.errors import RefusedError, RunFailedError
from ..contract.jobs import VERBS, Job, from_json
from ..contract.manifest import SCHEMA, Manifest, checksums, parse, write
from ..contract.status import OK
from .claim import Claim
from .engine.malloc import keep_memory
from .environment import check_environment, packages
from .memory import peaks
from .result import RunResult

#: Verbs whose steps allocate and free the same large tensors over and over.
DYNAMICS = ("equilibrate", "shoot")

#: What the dynamic linker says when memory is short, and, with a reason, where a file system forbids programs.
_NO_ROOM = "failed to map segment from shared object"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(argv: list[str] | None = None) -> int:
    """Run a verb by hand or from a scheduler.  Returns 0 when the status is ok, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="mlgun", description=__doc__)
    parser.add_argument("verb", metavar="VERB", help=f"what to do: {', '.join(sorted(VERBS))}")
    parser.add_argument("job", type=Path, help=f"the job's description; its folder holds the inputs ({files.JOB})")
    parser.add_argument("--version", action="version", version=f"aiida-mlgun {__version__} (schema {SCHEMA})")
    parser.add_argument("--environment", action=_TellEnvironment, help="print the versions that decide numbers here")
    args = parser.parse_args(argv)
    folder = args.job.resolve().parent
    before = signal.signal(signal.SIGTERM, _terminated)
    claim = Claim(folder)
    try:
        if folder.is_dir() and not claim.take():
            return _as_told(folder)
    except (OSError, _TerminatedError) as error:
        _tell_unclaimed(folder, args.verb, error)
        return 1
    (folder / files.MANIFEST).unlink(missing_ok=True)
    # threads that wait must sleep, not spin: on a shared machine a spinning pair is forty times slower than one thread
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    start = time.monotonic()
    if args.verb in DYNAMICS:
        keep_memory()  # before torch is imported: what is allocated earlier is handled the old way
    job: Job | None = None
    try:
        job = from_json(args.verb, _read(args.job))
        check_environment(folder)
        result = importlib.import_module(f"{__package__}.{args.verb}").run(job, folder)
    except (RefusedError, RunFailedError) as error:
        result = RunResult((), status=error.status, detail=str(error))
    except _TerminatedError as error:
        result = RunResult((), status="terminated", detail=str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001  the border: whatever happens becomes a manifest
        result = _failed(error)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the end is known: nothing may come between it and its manifest
    wall = time.monotonic() - start
    if claim.number is not None and not claim.held:
        return 1  # the thread of the claim says why; the folder is another run's
    claim.make_room()
    try:
        _write(folder, args.verb, job, result, wall)
    except Exception as error:  # noqa: BLE001  an output that is not there, a number that is none
        result = _failed(error)
        _write(folder, args.verb, job, result, wall)
    for name in result.leftovers:
        shutil.rmtree(folder / name, ignore_errors=True)
    claim.release()
    signal.signal(signal.SIGTERM, before)
    if result.status != OK:
        print(f"mlgun {args.verb}: {result.status}: {result.detail}", file=sys.stderr)
    return 0 if result.status == OK else 1


class _TellEnvironment(argparse.Action):
    """``--environment``: JSON, package → version, for ``aiida-mlgun doctor``."""

    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(json.dumps(packages(), sort_keys=True))
        parser.exit()


class _TerminatedError(BaseException):
    """Not an Exception: MACE and torch catch those in places, and would go on after the scheduler's signal."""


def _failed(error: BaseException) -> RunResult:
    said = str(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # the latter is torch's
        return RunResult((), status="out_of_memory", detail=said)
    if "can't allocate memory" in said:  # a RuntimeError of torch on a CPU
        return RunResult((), status="out_of_memory", detail=said.partition("DefaultCPUAllocator: ")[2] or said)
    if isinstance(error, ImportError) and _NO_ROOM in said and os.strerror(errno.EPERM) not in said:
        return RunResult((), status="out_of_memory", detail=f"not even the libraries could be loaded: {said}.")
    if getattr(error, "errno", None) in _FULL or os.strerror(errno.ENOSPC) in said:  # safetensors has the text alone
        return RunResult((), status="disk_full", detail=f"{said}.")
    traceback.print_exception(error)
    return RunResult((), status="unexpected", detail=f"{type(error).__name__}: {error}.")


def _tell_unclaimed(folder: Path, verb: str, error: BaseException) -> None:
    """The folder is not this run's.  That its disk is full is told, if there is room for a manifest at least."""
    said = f"the job's folder could not be claimed: {error}"
    print(f"mlgun {verb}: {said}", file=sys.stderr)
    if getattr(error, "errno", None) in _FULL:
        with contextlib.suppress(OSError):
            write(folder, Manifest(SCHEMA, verb, "disk_full", f"{said}.", 0, "none", 0.0, {}, {}, {}))


def _as_told(folder: Path) -> int:
    """The end of the run that was waited for."""
    try:
        status = parse((folder / files.MANIFEST).read_text()).status
    except (OSError, RefusedError):
        return 1
    print(f"mlgun: the other run has ended: {status}.", file=sys.stderr)
    return 0 if status == OK else 1


def _read(path: Path) -> str:
    if not path.is_file():
        raise RefusedError(f"there is no file {path.name} at the place given.")
    return path.read_text()


def _write(folder: Path, verb: str, job: Job | None, result: RunResult, wall: float) -> None:
    if not folder.is_dir():
        return
    seed = 0 if job is None else job.seed
    device, versions = "none", {}
    if "torch" in sys.modules:
        from .device import choose
        from .device import versions as collect

        device = choose("auto") if getattr(job, "device", "cpu") == "auto" else str(getattr(job, "device", "cpu"))
        versions = collect()
    numbers: dict[str, Any] = result.numbers | peaks()
    outputs = checksums(folder, result.outputs)
    write(folder, Manifest(SCHEMA, verb, result.status, result.detail, seed, device, wall, versions, outputs, numbers))


def _terminated(signum: int, frame: FrameType | None) -> None:
    signal.signal(signum, signal.SIG_IGN)  # once is enough
    raise _TerminatedError(f"signal {signal.Signals(signum).name} came.")


if __name__ == "__main__":
    sys.exit(main())
