"""What the workstation watches in running jobs (entry points ``aiida.calculations.monitors``)."""

from __future__ import annotations

import json
import math
from typing import Any

from aiida import orm

from .contract import files

#: MACE's own record, one line of JSON per batch and per look at the validation set (``mace.tools.MetricsLogger``).
RECORD = "*/results/*_train.txt"
TAIL = 1 << 16  # bytes: some hundreds of batches, whatever the size of the record
DIVERGED = "the loss is "


def training_diverged(node: orm.CalcJobNode, transport: Any) -> str | None:
    """Kill a training whose loss is not finite: the second line of defence, for jobs whose own watch failed.

    The job itself stops at the first such epoch; MACE alone would go on to the end and keep the broken weights.

    :returns: the sentence for the job's exit message, or None while all is well or nothing is written yet.
    """
    folder = node.get_remote_workdir()
    if folder is None:
        return None
    command = f"test -e {files.MANIFEST} || tail -q -c {TAIL} {RECORD}"  # with a manifest, the job has spoken itself
    status, text, _ = transport.exec_command_wait(command, workdir=folder)
    return first_broken(text) if status == 0 else None


def first_broken(text: str) -> str | None:
    """The sentence about the first line whose loss is not finite; lines that are cut off are passed over."""
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        loss = row.get("loss") if isinstance(row, dict) else None
        if isinstance(loss, float) and not math.isfinite(loss):
            return f"{DIVERGED}{loss} in epoch {row.get('epoch')}."
    return None
