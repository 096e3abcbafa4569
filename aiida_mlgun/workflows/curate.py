"""``mlgun.curate``: raw sets → one cleaned, split dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common.extendeddicts import AttributeDict
from aiida.engine import ProcessBuilder, WorkChain
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from ..calculations.curate import CurateCalculation
from ..contract.errors import RefusedError
from ..data.frames import FramesData
from .common import define_common, job_inputs, not_ok
from .functions.frames import check_one_level, merge_raw
from .protocols import ProtocolMixin


class CurateWorkChain(ProtocolMixin, WorkChain):
    """Merge what was imported, refuse mixed levels of theory, curate in one job."""

    PROTOCOL_FILE = "curate.yaml"

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Raw sets in; train, validation, test and a report out."""
        super().define(spec)
        define_common(spec)
        spec.input_namespace("frames", valid_type=FramesData, help="Raw sets by name; at least one.")
        spec.input(
            "parameters",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Dict({}),
            validator=CurateCalculation.parameters_validator(),
            help="Fields of CurateJob.",
        )
        spec.input(
            "allow_mixed_levels",
            valid_type=orm.Bool,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Bool(False),
            help="Merge sets of different levels of theory.",
        )
        spec.inputs.validator = _at_least_one
        spec.expose_outputs(CurateCalculation, include=("train", "validation", "test", "report"))
        spec.outline(cls.curate, cls.finish)

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        frames: Mapping[str, FramesData],
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """A builder with the protocol's filters and split; ``overrides`` are fields of CurateJob."""
        builder = cls.get_builder()
        builder.code = code
        builder.frames = dict(frames)
        builder.parameters = orm.Dict(cls.get_protocol_inputs(protocol, overrides))
        return builder

    def curate(self) -> Any:
        """Submit the one job."""
        sets = dict(self.inputs.frames)
        raw = next(iter(sets.values())) if len(sets) == 1 else merge_raw(self.inputs.allow_mixed_levels, **sets)
        inputs = job_inputs(self, "curate")
        node = self.submit(CurateCalculation, frames=raw, parameters=self.inputs.parameters, **inputs)
        self.report(f"curating {len(raw)} raw frames in <{node.pk}>")
        self.to_context(job=node)

    def finish(self) -> Any:
        """Pass the sets on, or the job's failure."""
        job = self.ctx.job
        if not job.is_finished_ok:
            return not_ok(self, job, "curation")
        report = AttributeDict(job.outputs.report.get_dict())
        dropped = ", ".join(f"{s['filter']} {s['dropped']}" for s in report.steps if s["dropped"]) or "none"
        self.report(f"{report.n_raw} raw frames → {dict(report.counts)}; dropped: {dropped}")
        self.out_many(self.exposed_outputs(job, CurateCalculation))
        return None


def _at_least_one(inputs: Any, _: Any) -> str | None:
    sets = inputs.get("frames") or {}
    if not sets:
        return "curate: give at least one set of raw frames in the namespace `frames`."
    for name, node in sets.items():
        if "forces" not in node.base.attributes.get("has"):
            return f"curate: the set {name!r} has no forces, and dynamics cannot be learnt without. Label it first."
    mixed = inputs.get("allow_mixed_levels")
    try:
        if len(sets) > 1 and not (mixed is not None and mixed.value):
            check_one_level(sets)
    except RefusedError as error:
        return f"curate: {error}"
    return None
