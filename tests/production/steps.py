"""The steps of the path, each through the command line; smallest sizes that still mean something."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from aiida_mlgun import assets

from .sites import Site

CURATE: Final = {"split": "tag", "keep_every": 24}
FINETUNE: Final = {"threads": 1, "stage": {"epochs": 1}}
GUN: Final[dict[str, Any]] = {
    "seed": 24,
    "n_shots": 4,
    "shots_per_job": 2,
    "min_image_gap": 3.5,
    "velocity": {"recipe": "beam", "kinetic_energy": 1.0},
    "aim": {"height": 5.0},
    "decision": {"settle_fs": 50.0, "leave_height": 4.5, "max_unresolved": 1.0, "max_drift": 50.0},
    "dynamics": {"threads": 1, "max_steps": 250},
    "equilibrate": {"snapshots": 2, "interval_fs": 20.0, "discard_fs": 20.0, "relax_steps": 10},
}


def pk_of(printed: str) -> int:
    """The PK in the last ``Something<12>`` that was printed."""
    return int(re.findall(r"<(\d+)>", printed)[-1])


def model(site: Site) -> int:
    """The shipped compact model."""
    return pk_of(site.ok("aiida-mlgun", "model", "import", assets.COMPACT_MODEL))


def frames(site: Site) -> int:
    """The shipped set of GFN1-xTB frames."""
    path = assets.dataset("si001_c2hx_gfn1")
    return pk_of(site.ok("aiida-mlgun", "dataset", "import", path, "--level", "GFN1-xTB"))


def launch(
    site: Site,
    what: str,
    code: str,
    overrides: dict[str, Any],
    options: dict[str, Any] | None,
    *words: Any,
    timeout: int = 900,
) -> int:
    """``aiida-mlgun launch … --wait`` with the protocol ``fast``; its PK.  ``options`` None: those of the code."""
    files: list[str | Path] = ["--overrides", site.write(f"{what}.yaml", overrides)]
    if options is not None:
        files += ["--options", site.write("options.yaml", options)]
    words = (*words, "--code", code, "--protocol", "fast", *files, "--wait")
    return pk_of(site.ok("aiida-mlgun", "launch", what, *words, timeout=timeout))


def curate(site: Site, code: str, options: dict[str, Any] | None) -> int:
    """A curation of the shipped set."""
    return launch(site, "curate", code, CURATE, options, frames(site))


def finetune(site: Site, code: str, options: dict[str, Any] | None, start: int, curation: int) -> int:
    """One stage of one epoch."""
    return launch(site, "finetune", code, FINETUNE, options, "--model", start, "--stage", curation)


def gun(site: Site, code: str, options: dict[str, Any] | None, trained: int) -> int:
    """Four shots of acetylene in two jobs."""
    words = ("--model", trained, "--slab", assets.slab(), "--molecule", "C2H2")
    return launch(site, "gun", code, GUN, options, *words)


#: The CalcJobs below a process: label, exit status, submit script, computer, versions there.
JOBS: Final = """
def jobs_of(pk):
    node = orm.load_node(pk)
    jobs = [node, *node.called_descendants]
    return [
        dict(
            pk=j.pk, label=j.label, status=j.exit_status, computer=j.computer.label, job_id=j.get_job_id(),
            script=j.base.repository.get_object_content('_aiidasubmit.sh'),
            versions=j.outputs.results['versions'] if 'results' in j.outputs else {},
            device=j.outputs.results['device'] if 'results' in j.outputs else None,
        )
        for j in jobs if isinstance(j, orm.CalcJobNode)
    ]
"""
