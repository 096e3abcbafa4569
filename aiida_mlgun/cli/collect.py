"""From a process back through its provenance to what a report shows."""

from __future__ import annotations

from typing import Any

from aiida import orm

from ..contract.errors import RefusedError
from ..contract.shooting import Chemistry
from ..contract.strict import load
from ..data.frames import FramesData
from ..data.model import ModelData
from ..report.inputs import Cost, Ensemble, Forgetting, Report, Stage, join_batches
from ..science.outcomes.catalogue import outcome_names, productive_names
from .collect_curation import curation_of

CURATE, FINETUNE, GUN = "CurateWorkChain", "FinetuneWorkChain", "GunWorkChain"


def collect(process: orm.ProcessNode) -> Report:
    """The report of a finished (or partly finished) curate, finetune or gun workflow.

    A gun's report includes the training of its model and the curation of that training's data, found by provenance.
    """
    kind = process.process_label
    if kind == GUN:
        chains = _training_of(process.inputs.model)
        ensemble, commands = _ensemble(process), [f"verdi data mlgun.shots show {b.pk}" for b in _batches(process)]
    elif kind in (FINETUNE, CURATE):
        chains, ensemble, commands = ([process] if kind == FINETUNE else []), None, []
    else:
        raise RefusedError(f"<{process.pk}> is a {kind}; a report is made of a curate, finetune or gun workflow.")
    curations = [process] if kind == CURATE else _curations(chains)
    title = {GUN: "Molecular gun", FINETUNE: "Fine-tuning", CURATE: "Curation"}[kind]
    return Report(
        title=f"{title}: {ensemble.title}" if ensemble else title,
        subtitle=f"process <{process.pk}>, {process.ctime:%Y-%m-%d %H:%M}, state {process.process_state.value}",
        curations=[c for c in map(curation_of, curations) if c],
        stages=[stage for chain in chains for stage in _stages(chain)],
        forgetting=_forgetting(chains[-1]) if chains else None,
        ensemble=ensemble,
        costs=_costs([process, *chains, *curations]),
        provenance=_provenance(process, chains, curations),
        commands=[f"verdi process report {process.pk}", f"verdi process status {process.pk}", *commands],
    )


def _batches(process: orm.ProcessNode) -> list[Any]:
    shots = process.outputs.shots if "shots" in process.outputs else {}
    return [shots[name] for name in sorted(shots)]


def _ensemble(process: orm.ProcessNode) -> Ensemble:
    batches = _batches(process)
    if not batches:
        raise RefusedError(f"<{process.pk}> has no shots yet; see verdi process report {process.pk}.")
    parameters = process.inputs.parameters.get_dict()
    chemistry = load(Chemistry, parameters["chemistry"], "chemistry")
    names, binding = outcome_names(chemistry), set(productive_names(chemistry))
    slab, molecule = process.inputs.slab, process.inputs.molecule
    return Ensemble(
        title=f"{molecule.label or molecule.get_formula()} on {slab.label or slab.get_formula()}",
        arrays=join_batches([batch.arrays() for batch in batches]),
        productive={name: name in binding for name in names} | {"undecided": False},
        catalogue_order=[*names, "undecided"],
        groups=tuple(group.name for group in chemistry.groups),
        max_drift=float(parameters["decision"]["max_drift"]),
    )


def _training_of(model: ModelData) -> list[orm.ProcessNode]:
    """The finetune workflows behind a model, oldest first."""
    chains: list[orm.ProcessNode] = []
    seen = set()
    while model is not None and model.creator is not None:
        job = model.creator
        chain = job.caller if job.caller is not None and job.caller.process_label == FINETUNE else None
        if chain is not None and chain.pk not in seen:
            chains.append(chain)
            seen.add(chain.pk)
        model = job.inputs.model if "model" in job.inputs else None
    return chains[::-1]


def _curations(chains: list[orm.ProcessNode]) -> list[orm.ProcessNode]:
    found: dict[int, orm.ProcessNode] = {}
    for chain in chains:
        for name in sorted(chain.inputs.stages):
            job = chain.inputs.stages[name]["train"].creator
            if job is not None and "report" in job.outputs:
                found.setdefault(job.pk, job)
    return list(found.values())


def _stages(chain: orm.ProcessNode) -> list[Stage]:
    training = chain.outputs.training if "training" in chain.outputs else {}
    stages = []
    for label in sorted(training):
        record = training[label].get_dict()
        levels = chain.inputs.stages[label]["train"].base.attributes.get("levels")
        name = chain.outputs.models[label].name
        stages.append(Stage(name, ", ".join(levels) or "not stated", record["history"], record["errors"]))
    return stages


def _forgetting(chain: orm.ProcessNode) -> Forgetting | None:
    if "errors" not in chain.outputs:
        return None
    tables = {name: chain.outputs.errors[name].get_dict() for name in chain.outputs.errors}
    models = sorted(tables, key=lambda name: (name != "foundation", name))
    sets = sorted({s for table in tables.values() for s in table} - {"all"})
    labels = [chain.inputs.model.name if m == "foundation" else chain.outputs.models[m].name for m in models]

    def column(key: str) -> list[list[float | None]]:
        return [[tables[m].get(s, {}).get(key) for s in sets] for m in models]

    named = [chain.outputs.models[s].name for s in sets]
    return Forgetting(labels, named, column("rmse_forces"), column("rmse_energy"))


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
    return Cost(list(rows.values()))


def _provenance(
    process: orm.ProcessNode, chains: list[orm.ProcessNode], curations: list[orm.ProcessNode]
) -> list[tuple[str, str]]:
    rows = [("process", f"{process.process_label}<{process.pk}> {process.uuid}")]
    if process.process_label == GUN:
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
