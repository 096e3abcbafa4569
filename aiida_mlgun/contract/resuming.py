"""Which job a checkpoint of shots is of."""

from __future__ import annotations

import hashlib
import json

from .jobs import ShootJob
from .strict import dump

# what a continuation may change: how long, where, how many side by side; not what is computed
_FREE = ("resume", "checkpoint_every_s", "max_seconds", "device")
_FREE_DYNAMICS = ("batch_size", "threads")


def fingerprint(job: ShootJob) -> str:
    """The sha256 (hex) of everything in ``job`` that decides numbers."""
    told = dump(job)
    told = {name: value for name, value in told.items() if name not in _FREE}
    told["dynamics"] = {name: value for name, value in told["dynamics"].items() if name not in _FREE_DYNAMICS}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
