"""One of the processes that train together: ``python -m aiida_mlgun.remote.mace.member PLAN``."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.distributed
from mace.cli import run_train
from mace.tools.slurm_distributed import DistributedEnvironment

from ...contract.errors import RefusedError, RunFailedError
from ...contract.manifest import write_atomically
from ...contract.strict import load
from .checkpoints import Checkpoints
from .identity import Identity
from .inprocess import train
from .watching import Watch

EPOCHS = "epochs.jsonl"
# what gloo and NCCL say when another process is gone
LOST = ("onnection closed", "onnection reset", "onnection refused", "communicator was aborted", "emote process exited")


@dataclass(frozen=True)
class Plan:
    """What each process is told: a file in the work folder.

    :param until: the deadline in seconds since 1970, which the clocks of several nodes share.
    """

    argv: tuple[str, ...]
    checkpoint: str
    identity: Identity
    name: str
    seed: int
    epoch: int | None
    batch_size: int
    until: float | None
    launcher: str


def main(path: Path) -> int:
    """One of the processes: train as the plan says, and leave ``rank-N.json``."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    plan = load(Plan, json.loads(path.read_text()), path.name)
    cuda = "--device=cuda" in plan.argv
    rank = int(os.environ["SLURM_PROCID" if plan.launcher == "slurm" else "RANK"])
    told = path.with_name(f"rank-{rank}.json")
    write_atomically(told, json.dumps({"status": "terminated", "detail": "cut off"}).encode())  # until it says more
    store = Checkpoints(Path(plan.checkpoint), plan.identity, plan.name, plan.seed)
    watch: Watch | None = None
    status, detail = "ok", ""
    try:
        _meet(plan.launcher, cuda)
        generation = None if plan.epoch is None else store.at(plan.epoch)
        deadline = None if plan.until is None else time.monotonic() + plan.until - time.time()
        watch = Watch(store, generation, plan.batch_size, _teller(path.with_name(EPOCHS)), deadline, rank)
        with nullcontext() if cuda else _on_cpu():
            memory = train(list(plan.argv), watch, path.parent).memory
        if memory is not None:
            status, detail = "out_of_memory", memory
    except (RefusedError, RunFailedError) as error:
        status, detail = error.status, str(error)
    except torch.distributed.DistError as error:
        status, detail = "lost", f"{error}"
    except Exception as error:  # noqa: BLE001  the border: whatever happens is told to the process that waits
        detail = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        status = "lost" if any(word in str(error) for word in LOST) else "unexpected"
        traceback.print_exception(error)
    end: dict[str, Any] = {"status": status, "detail": detail}
    if watch is not None:
        end |= {"seconds": watch.seconds, "writing": watch.writing}
    write_atomically(told, json.dumps(end).encode())
    if status == "ok":
        return 0
    sys.stderr.flush()
    os._exit(1)  # the others may wait for this one in a sum that never comes: no farewell


def _meet(launcher: str, cuda: bool) -> None:
    """The group of processes, where MACE does not see to it itself."""
    if launcher == "slurm":
        for name in ("SLURM_NTASKS_PER_NODE", "SLURM_NNODES"):  # MACE asks for them and then uses SLURM_NTASKS
            os.environ.setdefault(name, "1")
        DistributedEnvironment()  # MACE's own reading of Slurm's variables into torch's
    if not cuda:  # MACE starts a group for CUDA only
        torch.distributed.init_process_group("gloo", init_method="env://")


def _teller(path: Path) -> Callable[[int, str], None]:
    def tell(epoch: int, line: str) -> None:
        with path.open("a") as handle:
            handle.write(json.dumps({"epoch": epoch, "line": line}) + "\n")

    return tell


@contextmanager
def _on_cpu() -> Iterator[None]:
    """MACE names a GPU to ``DistributedDataParallel`` always; on a CPU that is refused."""
    name = "DDP"
    before = getattr(run_train, name)
    setattr(run_train, name, lambda model, device_ids=None: before(model))
    try:
        yield
    finally:
        setattr(run_train, name, before)


def _leave_with_parent() -> None:
    os.read(0, 1)  # nothing is ever written: this returns when the other end is closed
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
