"""``aiida-mlgun``: arguments to builders, nodes to tables.  No logic that the Python interface lacks."""

import os
import sys
from pathlib import Path

if sys.argv[1:2] == ["quickstart"] and Path(sys.argv[0]).stem == "aiida-mlgun":
    # The quickstart has a profile of its own, in the folder where it runs; AiiDA reads this variable when imported.
    os.environ["AIIDA_PATH"] = str(Path.cwd())

from . import (  # noqa: F401  they register their commands
    dataset,
    doctor,
    export,
    harvest,
    launch,
    launch_training,
    model,
    probe,
    publish,
    quickstart,
    report,
    setup,
    shots_query,
    shots_reclassify,
    shots_trace,
)
from .root import cli

__all__ = ["cli"]
