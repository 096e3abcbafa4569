"""The shots of a campaign for a report: arrays, examples in motion, what they cost, and a reference beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.orm.utils.loaders import load_node

from ..contract.errors import RefusedError
from ..contract.shooting import Chemistry
from ..contract.strict import load
from ..data.shots import ShotsData
from ..data.tallied import all_tables
from ..report.batches import join_batches
from ..report.cost import Effort
from ..report.examples import example_rows
from ..report.inputs import Ensemble, Movie
from ..report.reference import Reference
from ..science.outcomes.catalogue import outcome_names, productive_names
from ..science.shot_arrays import trajectory
from ..workflows.extension import left_tables
from ..workflows.functions.reclassify import flown_batch


def batches_of(process: orm.ProcessNode) -> list[ShotsData]:
    """The batches of shots of a gun workflow, in their order, those taken over from earlier ones first.

    Of one that was killed or failed, what it left.
    """
    if "tally" in process.outputs:
        return all_tables(process.outputs.tally)
    before = all_tables(process.inputs.previous) if "previous" in process.inputs else []
    shots = process.outputs.shots if "shots" in process.outputs else left_tables(process)
    return before + [shots[name] for name in sorted(shots)]


def ensemble_of(
    process: orm.ProcessNode,
    reference: Reference | None = None,
    highlight: str | None = None,
    mapped: str | None = None,
) -> Ensemble:
    """All shots of a gun workflow, or of its judgement by another catalogue.

    :param reference, highlight, mapped: see :class:`~aiida_mlgun.report.inputs.Ensemble`.
    :raises RefusedError: when there are no shots, or one of the three names what is not there.
    """
    batches = batches_of(process)
    if not batches:
        raise RefusedError(f"<{process.pk}> has no shots yet; see verdi process report {process.pk}.")
    parameters = process.inputs.parameters.get_dict()
    chemistry = load(Chemistry, parameters["chemistry"], "chemistry")
    names, binding = outcome_names(chemistry), set(productive_names(chemistry))
    slab, molecule = process.inputs.slab, process.inputs.molecule
    found = Ensemble(
        title=f"{molecule.label or molecule.get_formula()} on {slab.label or slab.get_formula()}",
        arrays=join_batches([batch.arrays() for batch in batches]),
        productive={name: name in binding for name in names} | {"undecided": False},
        catalogue_order=[*names, "undecided"],
        groups=tuple(group.name for group in chemistry.groups),
        reference=reference,
        highlight=highlight,
        precursors=tuple(m.name.split(" ")[0] for m in chemistry.catalogue if m.productive and not m.final and m.when),
        mapped=mapped,
        max_drift=float(parameters["decision"]["max_drift"]),
    )
    return replace(found, movies=_movies(found, batches))


def reference_of(text: str) -> Reference:
    """From the path of a YAML file, or the PK or UUID of a gun workflow or of shots.

    :raises RefusedError: when it is none of these, or the file cannot be used.
    """
    path = Path(text)
    if path.is_file():
        try:
            return Reference.of_yaml(path.read_text(encoding="utf-8"), path.name)
        except UnicodeDecodeError as error:
            raise RefusedError(f"{path} is no text file ({error}); a reference is YAML.") from error
    known = "a reference is a YAML file, or the PK or UUID of a gun workflow or of shots"
    try:
        node = load_node(text)
    except (NotExistent, ValueError) as error:
        raise RefusedError(f"{text}: there is no such file and no such node; {known}.") from error
    if isinstance(node, ShotsData):
        batches = [node]
    elif isinstance(node, orm.ProcessNode) and batches_of(node):
        batches = batches_of(node)
    else:
        raise RefusedError(f"<{node.pk}> is a {type(node).__name__} without shots; {known}.")
    outcomes = [outcome for batch in batches for outcome in batch.base.attributes.get("outcomes")]
    return Reference.of_outcomes(node.label or f"shots of <{node.pk}>", outcomes, f"node {node.uuid}")


def efforts_of(process: orm.ProcessNode) -> tuple[Effort, ...]:
    """What the jobs that made the batches took, one per kind of device; a resumed job tells of all its parts."""
    found: dict[tuple[str, str, int | None], Effort] = {}
    for batch in batches_of(process):
        job = flown_batch(batch).creator
        if not isinstance(job, orm.CalcJobNode) or "results" not in job.outputs:
            continue
        results = job.outputs.results.get_dict()
        numbers, device = results["numbers"], results["device"]
        hardware = results["versions"].get("gpu", "") if device != "cpu" else ""
        units = 1 if device != "cpu" else _threads(job, numbers)
        key = (device, hardware, units)
        old = found.get(key, Effort(device, 0, 0, 0, 0.0, hardware, units))
        found[key] = replace(
            old,
            jobs=old.jobs + 1,
            shots=old.shots + len(batch),
            steps=old.steps + int(numbers.get("steps", 0)),
            seconds=old.seconds + float(numbers.get("seconds", results["wall_seconds"])),
        )
    return tuple(found.values())


def _threads(job: orm.CalcJobNode, numbers: dict[str, Any]) -> int | None:
    """Cores that the job computed on; None if neither the manifest nor the inputs tell."""
    if numbers.get("threads"):
        return int(numbers["threads"])
    asked = job.inputs.parameters.get_dict().get("dynamics", {}).get("threads", 0)
    return int(asked) or None


def _movies(ensemble: Ensemble, batches: list[ShotsData]) -> dict[int, Movie]:
    """The kept paths of the shots that stand for an outcome."""
    kept = [batch.trajectories() for batch in batches]
    moving = {int(shot) for arrays in kept if arrays for shot in arrays["shot"]}
    if not moving:
        return {}
    wanted = {int(ensemble.arrays["shot"][row]) for row in example_rows(ensemble, moving).values()} & moving
    found = {}
    for shot in sorted(wanted):
        path = next(path for arrays in kept if (path := trajectory(arrays, shot)) is not None)
        if len(path[0]):
            found[shot] = Movie(*path)
    return found
