"""``mlgun.curate``: raw sets → one cleaned, split dataset, its map and its coverage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder, WorkChain
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from ..calculations.curate import CurateCalculation, check_raw
from ..calculations.describe import DescribeCalculation
from ..contract.errors import RefusedError
from ..data.frames import FramesData
from ..data.model import ModelData
from .common import define_common, job_inputs, not_ok
from .functions.frames import check_one_level, merge_raw, select_frames
from .protocols import ProtocolMixin

SETS = ("train", "validation", "test", "subsets", "pool", "report", "fates")


class CurateWorkChain(ProtocolMixin, WorkChain):
    """Merge what was imported, refuse mixed levels of theory, curate in one job; with a model, describe and select."""

    PROTOCOL_FILE = "curate.yaml"

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Raw sets in; train, validation, test and a report out."""
        super().define(spec)
        define_common(spec)
        spec.input_namespace("frames", valid_type=FramesData, required=False, help="Raw sets by name.")
        spec.expose_inputs(CurateCalculation, include=("raw", "raw_files", "parameters"))
        spec.input("model", valid_type=ModelData, required=False, help="Describes the frames; none: no coverage.")
        spec.input(
            "describe",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Dict({}),
            validator=DescribeCalculation.parameters_validator(),
            help="Fields of DescribeJob; with `select`, the chosen frames become the training set.",
        )
        spec.inputs.validator = _fits
        spec.expose_outputs(CurateCalculation, include=SETS)
        spec.expose_outputs(DescribeCalculation, include=("coverage", "descriptors"))
        for name in ("coverage", "descriptors"):
            spec.outputs[name].required = False
        spec.outline(cls.curate, cls.describe, cls.finish)

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        frames: Mapping[str, FramesData] | None = None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        model: ModelData | None = None,
        raw: orm.RemoteData | None = None,
        raw_files: list[str] | None = None,
    ) -> ProcessBuilder:
        """A builder with the protocol's filters and split.

        :param overrides: fields of CurateJob; under ``describe``, fields of DescribeJob.
        :param raw: a raw file, or with ``raw_files`` a folder, on the code's computer; instead of ``frames``.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        describe = inputs.pop("describe", {})
        builder = cls.get_builder()
        builder.code = code
        if frames:
            builder.frames = dict(frames)
        if raw is not None:
            builder.raw = raw
        if raw_files is not None:
            builder.raw_files = orm.List(list(raw_files))
        builder.parameters = orm.Dict(inputs)
        if model is not None:
            builder.model = model
            builder.describe = orm.Dict(describe)
        return builder

    def curate(self) -> Any:
        """Submit the one job."""
        sets = dict(self.inputs.get("frames", {}))
        inputs = job_inputs(self, "curate") | {"parameters": self.inputs.parameters}
        if sets:
            mixed = orm.Bool(bool(self.inputs.parameters.get_dict().get("allow_mixed_levels", False)))
            inputs["frames"] = next(iter(sets.values())) if len(sets) == 1 else merge_raw(mixed, **sets)
            what = f"{len(inputs['frames'])} raw frames"
        else:
            inputs |= {name: self.inputs[name] for name in ("raw", "raw_files") if name in self.inputs}
            what = f"raw files in {self.inputs.raw.get_remote_path()}"
        node = self.submit(CurateCalculation, **inputs)
        self.report(f"curating {what} in <{node.pk}>")
        self.to_context(job=node)

    def describe(self) -> Any:
        """Map the training frames against the full set, and choose among them if asked."""
        job = self.ctx.job
        if not job.is_finished_ok:
            return not_ok(self, job, "curation")
        report = job.outputs.report.get_dict()
        dropped = ", ".join(f"{s['filter']} {s['dropped']}" for s in report["steps"] if s["dropped"]) or "none"
        self.report(f"{report['n_raw']} raw frames → {report['counts']}; dropped: {dropped}")
        if "model" not in self.inputs:
            return None
        frames = job.outputs.train
        try:
            self.inputs.model.check_covers(frames.elements, "the curated set")
        except RefusedError as error:
            return self.exit_codes.ERROR_ELEMENT_NOT_COVERED.format(detail=str(error))
        inputs = job_inputs(self, "describe") | {"frames": frames, "model": self.inputs.model}
        if "pool" in job.outputs:
            inputs["pool"] = job.outputs.pool
        node = self.submit(DescribeCalculation, parameters=self.inputs.describe, **inputs)
        self.report(f"describing {len(frames)} training frames in <{node.pk}>")
        return self.to_context(description=node)

    def finish(self) -> Any:
        """Pass the sets on, or the job's failure."""
        out = dict(self.exposed_outputs(self.ctx.job, CurateCalculation))
        description = self.ctx.get("description")
        if description is not None:
            if not description.is_finished_ok:
                return not_ok(self, description, "description")
            out |= self.exposed_outputs(description, DescribeCalculation)
            coverage = description.outputs.coverage["coverage"]
            self.report(f"coverage {coverage['fraction']:.1%}; random frames {coverage['random_fraction']:.1%}")
            if self.inputs.describe.get_dict().get("select", "none") != "none":
                out["train"] = select_frames(out["train"], description.outputs.descriptors)
                self.report(f"{len(out['train'])} training frames selected: <{out['train'].pk}>")
        self.out_many(out)
        return None


def _fits(inputs: Any, _: Any) -> str | None:
    sets = inputs.get("frames") or {}
    wrong = check_raw({**inputs, "frames": sets} if sets else {k: v for k, v in inputs.items() if k != "frames"}, None)
    if wrong:
        return wrong
    parameters = inputs["parameters"].get_dict() if "parameters" in inputs else {}
    try:
        for name, node in sets.items():
            node.check_labelled(f"curate: the set {name!r}")
        if sets and not parameters.get("allow_mixed_levels", False):
            check_one_level(sets)
    except RefusedError as error:
        return str(error)
    select = inputs["describe"].get_dict().get("select", "none") if "describe" in inputs else "none"
    if select != "none" and "model" not in inputs:
        return f"curate: describe.select is {select!r}, which needs a model to describe the frames."
    if select != "none" and parameters.get("subsets"):
        return "curate: subsets are drawn from the training set before the selection; ask for one of the two."
    elements = {symbol for node in sets.values() for symbol in node.elements}
    if "model" in inputs and sets:
        try:
            inputs["model"].check_covers(sorted(elements), "curate: the sets")
        except RefusedError as error:
            return str(error)
    return None
