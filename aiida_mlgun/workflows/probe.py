"""What a stage will cost, from a job with one batch of it."""

from __future__ import annotations

from typing import Any

from aiida import orm

from ..contract.training import Stage
from .functions.probing import largest_frames


def probe_inputs(stage: Any, model: Any) -> dict[str, Any]:
    """Inputs of a training job: one epoch of one batch, of the largest frames."""
    parameters = stage["parameters"].get_dict()
    settings = parameters.get("stage", {})
    n = orm.Int(settings.get("batch_size", Stage().batch_size))
    inputs = {name: largest_frames(stage[name], n) for name in ("train", "validation", "replay") if name in stage}
    settings = {**settings, "epochs": 1, "eval_interval": 1}
    inputs["parameters"] = orm.Dict({**parameters, "name": "probe", "stage": settings})
    return inputs if model is None else inputs | {"model": model}


def estimates(job: orm.CalcJobNode, stages: dict[str, Any]) -> list[str]:
    """Sentences on memory, and on time per stage; time grows with the number of atoms in an epoch."""
    numbers = job.outputs.results["numbers"]
    seconds = job.outputs.training["run"]["seconds_per_epoch"]
    device = numbers.get("peak_device_MiB")
    on_device = "" if device is None else f", {device:.0f} MiB of it on the device"
    lines = [f"probe <{job.pk}>: one batch of the largest frames takes {numbers['peak_MiB']:.0f} MiB{on_device}"]
    per_atom = seconds / _atoms(job.inputs)
    for name, stage in stages.items():
        epoch = per_atom * _atoms(stage)
        epochs = stage["parameters"].get_dict().get("stage", {}).get("epochs", Stage().epochs)
        lines.append(f"{name}: at most about {epoch:.3g} s an epoch, {epoch * epochs:.3g} s for {epochs} epochs")
    return lines


def _atoms(sets: Any) -> int:
    return sum(sets[name].base.attributes.get("n_atoms") for name in ("train", "replay") if name in sets)
