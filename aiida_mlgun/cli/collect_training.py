"""From workflows that train back through their provenance to the stages that a report shows."""

from __future__ import annotations

from typing import Any, Final

from aiida import orm

from ..contract.strict import dump, load
from ..contract.training import Stage as Asked
from ..data.frames import FramesData
from ..data.model import ModelData
from ..report.inputs import Forgetting, Stage

TRAIN, FINETUNE = "TrainWorkChain", "FinetuneWorkChain"
COMPARE, CURVE, COMMITTEE = "CompareWorkChain", "LearningCurveWorkChain", "CommitteeWorkChain"
#: Process → what its report is called.
TRAINING: Final = {
    TRAIN: "Training",
    FINETUNE: "Fine-tuning",
    COMPARE: "Comparison",
    CURVE: "Learning curve",
    COMMITTEE: "Committee",
}
_FOUNDATION: Final = "foundation"


def trainings_in(process: orm.ProcessNode) -> list[orm.ProcessNode]:
    """The workflows that trained stages: ``process`` itself, or the fine-tunings that it called, oldest first."""
    if process.process_label in (TRAIN, FINETUNE):
        return [process]
    called = [node for node in process.called if node.process_label == FINETUNE]
    return sorted(called, key=lambda node: node.pk or 0)


def training_of(model: ModelData) -> list[orm.ProcessNode]:
    """The workflows behind a model, oldest first; a stage trained by hand is shown as its own workflow."""
    chains: list[orm.ProcessNode] = []
    seen = set()
    while model is not None and model.creator is not None:
        job = model.creator
        chain = _chain(job)
        if chain is not None and chain.pk not in seen:
            chains.append(chain)
            seen.add(chain.pk)
        model = job.inputs.model if "model" in job.inputs else None
    return chains[::-1]


def training_sets(chain: orm.ProcessNode) -> list[FramesData]:
    """The training sets of a workflow's stages."""
    if "stages" not in chain.inputs:
        return [chain.inputs.train]
    return [chain.inputs.stages[name]["train"] for name in sorted(chain.inputs.stages)]


def models_of(process: orm.ProcessNode) -> list[ModelData]:
    """The models that came out, each once."""
    found = list(process.outputs.models.values()) if "models" in process.outputs else []
    found += [process.outputs.model] if "model" in process.outputs and not found else []
    return sorted({model.pk: model for model in found}.values(), key=lambda model: model.pk)


def stages_of(chain: orm.ProcessNode) -> list[Stage]:
    """The stages that came to an end."""
    if "stages" not in chain.inputs:
        done = "training" in chain.outputs and "model" in chain.outputs
        return [_stage(chain.outputs.model, chain.outputs.training)] if done else []
    training = chain.outputs.training if "training" in chain.outputs else {}
    return [_stage(chain.outputs.models[label], training[label]) for label in sorted(training)]


def forgetting_of(chain: orm.ProcessNode) -> Forgetting | None:
    """Every model of a fine-tuning on every stage's test set; None where nothing was scored."""
    if "errors" not in chain.outputs:
        return None
    tables = {name: chain.outputs.errors[name].get_dict() for name in chain.outputs.errors}
    models = sorted(tables, key=lambda name: (name != _FOUNDATION, name))
    sets = [name for name in sorted(chain.inputs.stages) if any(name in table for table in tables.values())]
    outputs = chain.outputs.models if "models" in chain.outputs else {}
    names = {label: outputs[label].name for label in outputs}
    if _FOUNDATION in models and "model" in chain.inputs:
        names[_FOUNDATION] = chain.inputs.model.name

    def column(key: str) -> list[list[float | None]]:
        return [[tables[m].get(s, {}).get(key) for s in sets] for m in models]

    own = tuple(models.index(s) if s in models else None for s in sets)
    labels, named = [names.get(m, m) for m in models], [names.get(s, s) for s in sets]
    return Forgetting(labels, named, column("rmse_forces"), column("rmse_energy"), own)


def _chain(job: orm.ProcessNode) -> orm.ProcessNode | None:
    """The fine-tuning that a training job belongs to, else its training workflow."""
    above, found = job.caller, None
    while above is not None:
        if above.process_label in (TRAIN, FINETUNE):
            found = above
        above = above.caller
    return found


def _stage(model: ModelData, training: orm.Dict) -> Stage:
    record: dict[str, Any] = training.get_dict()
    job = model.creator
    settings: dict[str, Any] = {}
    levels: list[str] = []
    if job is not None and "parameters" in job.inputs:
        settings = dump(load(Asked, job.inputs.parameters.get_dict().get("stage", {}), "stage"))
        levels = sorted(job.inputs.train.base.attributes.get("levels", {}))
        get = job.inputs.train.base.attributes.get
        settings["n_train"] = get("n_frames") - get("n_isolated", 0)
        settings["method"] = "from scratch" if "model" not in job.inputs else settings.get("method")
        if "model" not in job.inputs:
            settings["readout"] = None
    return Stage(
        model.name,
        ", ".join(levels) or "not stated",
        record.get("history", {}),
        record.get("errors", {}),
        settings,
        record.get("checks", []),
        record.get("run", {}),
    )
