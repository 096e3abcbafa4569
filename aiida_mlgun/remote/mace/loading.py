"""Torch's switch for opening pickles: mace flips it for the whole process when imported; here it has borders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_SWITCH = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


@contextmanager
def pickles_stay_refused() -> Iterator[None]:
    """Whatever is done inside, the switch stands afterwards as it stood before."""
    before = os.environ.get(_SWITCH)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_SWITCH, None)
        else:
            os.environ[_SWITCH] = before


@contextmanager
def own_pickles_allowed() -> Iterator[None]:
    """MACE's trainer reads the parent model as a pickle: allowed while it runs, on files that this process wrote."""
    with pickles_stay_refused():
        os.environ[_SWITCH] = "1"
        yield
