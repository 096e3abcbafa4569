"""``aiida-mlgun``: arguments to builders, nodes to tables.  No logic that the Python interface lacks."""

import os
import sys
from pathlib import Path

if sys.argv[1:2] == ["quickstart"] and Path(sys.argv[0]).stem == "aiida-mlgun":
    # The quickstart has a profile of its own, in the folder where it runs; AiiDA reads this variable when imported.
    os.environ["AIIDA_PATH"] = str(Path.cwd())

from . import dataset, export, harvest, launch, launch_training, model, quickstart, report  # noqa: F401  register their commands
from .root import cli

__all__ = ["cli"]
