"""What all verbs share: the job description, the input files, the exit codes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any, ClassVar

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec

from ..contract import files
from ..contract.errors import RefusedError
from ..contract.jobs import Job, to_json
from ..contract.status import TABLE
from ..contract.strict import load
from ..data.model import ModelData
from ..science.frames import Frames, to_arrays
from ..science.npz import pack
from .options import validate_options


class VerbCalculation(CalcJob):
    """Runs ``mlgun VERB job.json`` in a folder of plain files; everything in it can be run again by hand."""

    VERB: ClassVar[str]
    JOB: ClassVar[type[Job]]
    OUTPUTS: ClassVar[tuple[str, ...]]
    #: To be raised by a verb whose numbers come to mean something else while its inputs stay as they are.
    CACHE_VERSION: ClassVar[int] = 1
    SET_BY_INPUTS: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Inputs, outputs and exit codes that all verbs have."""
        super().define(spec)
        spec.input(
            "parameters",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Dict({}),
            validator=cls.parameters_validator(),
            help=f"What the verb takes beside its files: fields of `{cls.JOB.__name__}`.",
        )
        spec.input(
            "environment",
            valid_type=orm.Dict,
            required=False,
            help="Versions on the compute machine. An input, so that caching tells one environment from another.",
        )
        spec.output("results", valid_type=orm.Dict, help="How the run went: numbers, versions, device, wall time.")
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = f"mlgun.{cls.VERB}"
        options["input_filename"].default = files.JOB
        options["output_filename"].default = files.STDOUT
        options["scheduler_stderr"].default = files.SCHEDULER_STDERR
        options["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        options["withmpi"].default = False
        options.validator = validate_options
        for row in TABLE:
            spec.exit_code(row.code, row.label, row.message, invalidates_cache=row.transient)

    @classmethod
    def is_valid_cache(cls, node: orm.ProcessNode) -> bool:
        """A result of an unknown environment is nobody's but its own: it is never given for another job's."""
        known = node.base.links.get_incoming(link_label_filter="environment").first() is not None
        return known and bool(super().is_valid_cache(node))

    @classmethod
    def parameters_validator(cls) -> Callable[[Any, Any], str | None]:
        """A validator that builds the job and returns the sentence of what is wrong."""

        def validate(value: Any, _: Any) -> str | None:
            try:
                clash = sorted(set(value.get_dict()) & {*cls.SET_BY_INPUTS, "schema"})
                if clash:
                    return f"{cls.VERB}.{clash[0]} follows from the other inputs; leave it out of the parameters."
                load(cls.JOB, value.get_dict() | cls.stand_ins(value.get_dict()), cls.VERB)
            except RefusedError as error:
                return str(error)
            return None

        return validate

    @classmethod
    def stand_ins(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """What the other inputs will set, so that parameters can be checked alone."""
        return {}

    def from_inputs(self) -> dict[str, Any]:
        """The job's fields that follow from the other inputs."""
        return {}

    def stage(self, folder: Folder) -> list[tuple[str, str, str]]:
        """Write small input files into ``folder``; return (node uuid, repository name, target name) for the rest."""
        raise TypeError(f"{type(self).__name__} must say which files it needs")

    def extra_retrieve(self) -> list[str]:
        """Files beyond ``OUTPUTS`` that these inputs make the verb write."""
        return []

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write ``job.json`` and the inputs; nothing is decided here."""
        job = load(self.JOB, self.inputs.parameters.get_dict() | self.from_inputs(), self.VERB)
        with folder.open(files.JOB, "w", encoding="utf-8") as handle:
            handle.write(to_json(job))
        if "environment" in self.inputs:
            with folder.open(files.ENVIRONMENT, "w", encoding="utf-8") as handle:
                json.dump(self.inputs.environment.get_dict(), handle, indent=1, sort_keys=True)
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = [self.VERB, files.JOB]
        code.stdout_name = files.STDOUT
        code.stderr_name = files.STDERR
        info = CalcInfo()
        info.codes_info = [code]
        info.local_copy_list = self.stage(folder)
        info.retrieve_list = [files.MANIFEST, files.STDOUT, files.STDERR, *self.OUTPUTS, *self.extra_retrieve()]
        return info


def add_check(spec: CalcJobProcessSpec, check: Callable[[Any, Any], str | None]) -> None:
    """Ask ``check`` of all inputs together, after what AiiDA itself asks (resources, computer)."""
    before = spec.inputs.validator
    spec.inputs.validator = lambda inputs, port: before(inputs, port) or check(inputs, port)


def copy_model(model: ModelData, target: str) -> list[tuple[str, str, str]]:
    """The copy list that lays a model's files into the folder ``target``."""
    return [(model.uuid, name, f"{target}/{name}") for name in files.MODEL_FILES]


def write_frames(folder: Folder, name: str, frames: Frames) -> None:
    """Write frames into the sandbox as the compute machine reads them."""
    folder.create_file_from_filelike(io.BytesIO(pack(to_arrays(frames), compress=False)), name, mode="wb")
