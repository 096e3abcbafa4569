"""From a process back through its provenance to what a report shows."""

from __future__ import annotations

from typing import Any

from aiida import orm

from ..contract.errors import RefusedError
from ..data.frames import FramesData
from ..report.inputs import Cost, Report
from ..report.reference import Reference
from ..workflows.functions.reclassify import reclassify_campaign
from .collect_course import course_of
from .collect_curation import curation_of
from .collect_ensemble import batches_of, efforts_of, ensemble_of
from .collect_scores import trained_of
from .collect_training import (
    FINETUNE,
    TRAINING,
    forgetting_of,
    models_of,
    stages_of,
    training_of,
    training_sets,
    trainings_in,
)

CURATE, GUN = "CurateWorkChain", "GunWorkChain"
#: Processes whose shots are reported on: a campaign, and its judgement by another catalogue.
SHOOTING = {GUN: "Molecular gun", reclassify_campaign.__name__: "Molecular gun, judged again"}


def collect(
    process: orm.ProcessNode,
    reference: Reference | None = None,
    highlight: str | None = None,
    mapped: str | None = None,
) -> Report:
    """The report of a finished (or partly finished) workflow.

    A gun's report includes the training of its model and the curation of that training's data, found by provenance.

    :param reference, highlight, mapped: for a gun; see :class:`~aiida_mlgun.report.inputs.Ensemble`.
    :raises RefusedError: when no report can be made of it.
    """
    kind, commands = process.process_label, []
    ensemble = None
    if kind not in SHOOTING and (reference or highlight or mapped):
        raise RefusedError(f"<{process.pk}> is a {kind}; --reference, --highlight and --group are for a gun's report.")
    if kind in SHOOTING:
        chains = training_of(process.inputs.model) if "model" in process.inputs else []
        ensemble = ensemble_of(process, reference, highlight, mapped)
        commands = [f"verdi data mlgun.shots show {batch.pk}" for batch in batches_of(process)]
    elif kind == CURATE:
        chains = []
    elif kind in TRAINING:
        chains = trainings_in(process)
        commands = [f"verdi data mlgun.model show {model.pk}" for model in models_of(process)]
    else:
        known = "curate, train, finetune, compare, learning_curve, committee or gun"
        raise RefusedError(f"<{process.pk}> is a {kind}; a report is made of a {known} workflow.")
    curations = [process] if kind == CURATE else _curations(chains)
    title = {**SHOOTING, CURATE: "Curation", **TRAINING}[kind]
    return Report(
        title=f"{title}: {ensemble.title}" if ensemble else title,
        subtitle=f"process <{process.pk}>, {process.ctime:%Y-%m-%d %H:%M}, state {process.process_state.value}",
        curations=[c for c in map(curation_of, curations) if c],
        stages=[stage for chain in chains for stage in stages_of(chain)],
        forgetting=forgetting_of(chains[-1]) if chains and kind in (*SHOOTING, FINETUNE) else None,
        trained=trained_of(process),
        ensemble=ensemble,
        course=course_of(process) if kind == GUN else None,
        costs=_costs([process, *chains, *curations]),
        provenance=_provenance(process, chains, curations),
        commands=[f"verdi process report {process.pk}", f"verdi process status {process.pk}", *commands],
    )


def _curations(chains: list[orm.ProcessNode]) -> list[orm.ProcessNode]:
    found: dict[int, orm.ProcessNode] = {}
    for chain in chains:
        for train in training_sets(chain):
            job = train.creator
            if job is not None and "report" in job.outputs:
                found.setdefault(job.pk, job)
    return list(found.values())


def _costs(processes: list[orm.ProcessNode]) -> Cost:
    jobs: dict[int, orm.CalcJobNode] = {}
    for process in processes:
        for node in [process, *process.called_descendants]:
            if isinstance(node, orm.CalcJobNode) and "results" in node.outputs:
                jobs[node.pk] = node
    rows: dict[str, dict[str, Any]] = {}
    for job in jobs.values():
        results = job.outputs.results
        row = rows.setdefault(
            results["verb"],
            {"what": results["verb"], "jobs": 0, "wall_hours": 0.0, "device": results["device"], "note": ""},
        )
        row["jobs"] += 1
        row["wall_hours"] += results["wall_seconds"] / 3600.0
        if job.base.caching.is_created_from_cache:
            row["note"] = "some taken from the cache"
    return Cost(list(rows.values()), efforts_of(processes[0]) if processes[0].process_label in SHOOTING else ())


def _provenance(
    process: orm.ProcessNode, chains: list[orm.ProcessNode], curations: list[orm.ProcessNode]
) -> list[tuple[str, str]]:
    rows = [("process", f"{process.process_label}<{process.pk}> {process.uuid}")]
    if process.process_label in SHOOTING and "model" in process.inputs:
        model = process.inputs.model
        rows.append(("model", f"{model.name} <{model.pk}> {model.content_hash[:16]}"))
        lineage = [entry["name"] for entry in model.card.get("lineage", [])]
        rows.append(("lineage", " → ".join([*lineage, model.name])))
        rows.append(("seed", str(process.inputs.parameters["seed"])))
    rows += [("fine-tuning", f"{chain.process_label}<{chain.pk}>") for chain in chains if chain.pk != process.pk]
    for curation in curations:
        sets = curation.inputs.frames if "frames" in curation.inputs else {}
        for raw in [sets] if isinstance(sets, FramesData) else list(sets.values()):
            files = raw.base.attributes.get("source").get("files", [])
            for entry in files:
                rows.append(
                    ("raw data", f"{entry['name']} (sha256 {entry['sha256'][:16]}), {entry['n_frames']} frames")
                )
    jobs = [n for n in process.called_descendants if isinstance(n, orm.CalcJobNode) and "results" in n.outputs]
    if jobs:
        versions = jobs[-1].outputs.results["versions"]
        rows.append(("environment", ", ".join(f"{name} {value}" for name, value in versions.items())))
    return rows
