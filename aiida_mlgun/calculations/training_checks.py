"""What is refused before a training is submitted: sets, labels, elements, reference energies, replay, heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..contract.errors import RefusedError
from ..contract.jobs import TrainJob
from ..data.frames import FramesData
from ..data.model import ModelData

SETS = ("train", "validation", "test", "replay")


def check_sets(
    job: TrainJob, sets: Mapping[str, FramesData], model: ModelData | None, learnt: Sequence[str] = (), where: str = ""
) -> None:
    """Refuse sets that this job can't learn from.

    :param model: the parent, or the model that the stages before start from.
    :param learnt: without one, the elements that the model to go on from will know.
    :param where: `` of stage_1``, to complete the sentence.
    :raises RefusedError: labels missing or not finite, nothing but isolated atoms, elements that the model does not
        know, no reference energy for an element, replay without frames to replay or the other way round.
    """
    for name in SETS:
        if name not in sets:
            continue
        what = f"the {name} set{where}"
        sets[name].check_complete(what)
        if model is not None:
            model.check_covers(sets[name].elements, what)
            continue
        unknown = [symbol for symbol in sets[name].elements if symbol not in learnt]
        if unknown:
            raise RefusedError(
                f"{what} holds {', '.join(unknown)}, and the model will know only {', '.join(learnt)}. Add frames of "
                "them to the set that it starts from, or leave these out."
            )
    if job.stage.method == "replay" and "replay" not in sets:
        raise RefusedError(f"the method{where} is 'replay': give the frames to replay as `replay` (FramesData).")
    if job.stage.method != "replay" and "replay" in sets:
        raise RefusedError(f"frames to replay{where} are given, and the method is {job.stage.method!r}, not 'replay'.")
    check_reference_energies(job, sets["train"], where)


def check_reference_energies(job: TrainJob, train: FramesData, where: str = "") -> None:
    """Refuse a training set with an element whose isolated atom has no energy.

    :raises RefusedError: naming the elements and the ways out.
    """
    sources = {"isolated": train.e0s, "given": job.stage.e0_values or {}}
    if job.stage.e0s not in sources:
        return  # the parent's, which knows every element that it covers
    missing = [symbol for symbol in train.elements if symbol not in sources[job.stage.e0s]]
    if missing:
        others = "" if job.architecture is not None else "`parent` or `estimated`, or "
        raise RefusedError(
            f"the train set{where} has {', '.join(missing)} and no energy of the isolated atom (e0s: "
            f"{job.stage.e0s}). Add frames of one atom each, or choose {others}`given` with e0_values."
        )


def check_parent(job: TrainJob, model: ModelData, where: str = "") -> None:
    """Refuse a head that the parent does not have, and a parent of several of which none is named.

    :raises RefusedError: naming the heads.
    """
    heads, head = list(model.base.attributes.get("heads")), job.stage.parent_head
    if head is None and len(heads) > 1:
        raise RefusedError(
            f"the model {model.name!r} has the heads {', '.join(heads)}: name the one to go on from{where} "
            "(stage.parent_head)."
        )
    if head is not None and head not in heads:
        raise RefusedError(
            f"the model {model.name!r} has no head {head!r}, which the stage{where} starts from; it has "
            f"{', '.join(heads)}."
        )
