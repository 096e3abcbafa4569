"""``mlgun.gun``: a campaign - start states, batches of shots, one summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder, WorkChain, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from ..calculations.equilibrate import EquilibrateCalculation
from ..calculations.equilibrate import fits as system_fits
from ..contract.errors import RefusedError
from ..contract.strict import dump, load, require
from ..data.frames import FramesData
from ..data.model import ModelData
from ..data.shots import ShotsData
from ..science.outcomes.chemistry import complete_chemistry
from .campaign import GunParameters, check_system
from .common import define_common, job_inputs, not_ok
from .functions.shots import summarise
from .protocols import ProtocolMixin
from .restart import chain_inputs
from .shoot import ShootWorkChain


class GunWorkChain(ProtocolMixin, WorkChain):
    """Shoot a molecule at a slab many times; every shot ends in a named outcome."""

    PROTOCOL_FILE = "gun.yaml"

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """A model, a slab and a molecule in; batches of shots and a summary out."""
        super().define(spec)
        define_common(spec)
        spec.input("model", valid_type=ModelData, help="The model that moves the atoms.")
        spec.input("slab", valid_type=orm.StructureData, help="The clean slab, surface up (+z).")
        spec.input("molecule", valid_type=orm.StructureData, help="The molecule alone.")
        spec.input("slab_states", valid_type=FramesData, required=False, help="Ready start states of the slab.")
        spec.input("molecule_states", valid_type=FramesData, required=False, help="Ready start states of the molecule.")
        spec.input("parameters", valid_type=orm.Dict, serializer=orm.to_aiida_type, help="Fields of GunParameters.")
        spec.input("max_iterations", valid_type=orm.Int, required=False, help="Jobs per batch at most; 5 by default.")
        spec.inputs.validator = _fits
        spec.outline(
            cls.setup,
            if_(cls.needs_states)(cls.equilibrate, cls.inspect_states),
            while_(cls.has_batches)(cls.shoot, cls.inspect_batches),
            cls.collect,
        )
        spec.output("slab_states", valid_type=FramesData, required=False, help="Start states of the slab.")
        spec.output("molecule_states", valid_type=FramesData, required=False, help="Start states of the molecule.")
        spec.output("equilibration", valid_type=orm.Dict, required=False, help="How the equilibration went.")
        spec.output_namespace("shots", valid_type=ShotsData, help="Batch → table of shots.")
        spec.output("summary", valid_type=orm.Dict, required=False, help="Counts, intervals, sticking, drift.")

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        model: ModelData,
        slab: orm.StructureData,
        molecule: orm.StructureData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """A builder with the protocol's campaign; ``overrides`` are fields of GunParameters.

        The chemistry is written out in full: the fields of the overrides, or those of the chemistry ``file`` that they
        name, a shipped one or a path; reactive groups and patterns become indices into the molecule.
        """
        parameters = cls.get_protocol_inputs(protocol, overrides)
        atoms = molecule.get_ase()
        chemistry = parameters.get("chemistry", {})
        require(isinstance(chemistry, Mapping), f"gun.chemistry: a mapping is needed, not {chemistry!r}.")
        chemistry = dump(complete_chemistry(chemistry, atoms.numbers, atoms.positions, "gun.chemistry"))
        whole = load(GunParameters, {**parameters, "chemistry": chemistry}, "gun")
        builder = cls.get_builder()
        builder.code = code
        builder.model = model
        builder.slab = slab
        builder.molecule = molecule
        builder.parameters = orm.Dict(dump(whole))
        return builder

    def setup(self) -> None:
        """Cut the campaign into batches."""
        campaign = load(GunParameters, self.inputs.parameters.get_dict(), "gun")
        self.ctx.campaign = dump(campaign)
        self.ctx.equilibrate_parameters = campaign.equilibrate_parameters()
        self.ctx.waiting = campaign.batches()
        self.ctx.n_batches = len(self.ctx.waiting)
        self.ctx.started = 0
        self.ctx.at_once = campaign.jobs_at_once or self.ctx.n_batches
        self.ctx.batches, self.ctx.failed = {}, []
        self.ctx.slab_states = self.inputs.get("slab_states")
        self.ctx.molecule_states = self.inputs.get("molecule_states")

    def needs_states(self) -> bool:
        """True unless both kinds of start states were given."""
        return self.ctx.slab_states is None or self.ctx.molecule_states is None

    def equilibrate(self) -> Any:
        """Equilibrate slab and molecule apart."""
        names = ("model", "slab", "molecule")
        inputs = {name: self.inputs[name] for name in names} | job_inputs(self, "equilibrate")
        node = self.submit(EquilibrateCalculation, parameters=orm.Dict(self.ctx.equilibrate_parameters), **inputs)
        self.report(f"start states are made in <{node.pk}>")
        self.to_context(states=node)

    def inspect_states(self) -> Any:
        """Take the start states."""
        job = self.ctx.states
        if not job.is_finished_ok:
            return not_ok(self, job, "equilibration")
        self.ctx.slab_states = self.ctx.slab_states or job.outputs.slab_states
        self.ctx.molecule_states = self.ctx.molecule_states or job.outputs.molecule_states
        self.out("slab_states", job.outputs.slab_states)
        self.out("molecule_states", job.outputs.molecule_states)
        self.out("equilibration", job.outputs.report)
        return None

    def has_batches(self) -> bool:
        """True while batches wait."""
        return bool(self.ctx.waiting)

    def shoot(self) -> Any:
        """Submit the next wave of batches."""
        wave, self.ctx.waiting = self.ctx.waiting[: self.ctx.at_once], self.ctx.waiting[self.ctx.at_once :]
        self.ctx.wave = []
        for parameters in wave:
            label = f"batch_{self.ctx.started:04d}"
            node = self.submit(
                ShootWorkChain,
                model=self.inputs.model,
                slab_states=self.ctx.slab_states,
                molecule_states=self.ctx.molecule_states,
                parameters=orm.Dict(parameters),
                **chain_inputs(self, label),
            )
            self.ctx.wave.append(label)
            self.ctx.started += 1
            self.to_context(**{label: node})
        self.report(f"{len(wave)} batches of shots submitted, {len(self.ctx.waiting)} wait")

    def inspect_batches(self) -> Any:
        """Keep every finished shot, also those of a batch that failed otherwise."""
        for label in self.ctx.wave:
            job = self.ctx[label]
            if "shots" in job.outputs:
                self.ctx.batches[label] = job.outputs.shots
            if not job.is_finished_ok:
                self.ctx.failed.append((label, job))
                self.report(f"{label} <{job.pk}> ended with [{job.exit_status}]: {job.exit_message}")
        if self.ctx.failed and not self.ctx.batches:
            label, job = self.ctx.failed[0]
            return not_ok(self, job, label)
        return None

    def collect(self) -> Any:
        """Summarise what there is; a failed batch still fails the campaign, by name."""
        self.out("shots", self.ctx.batches)
        summary = summarise(self.inputs.parameters, **self.ctx.batches)
        self.out("summary", summary)
        sticking = summary["sticking"]
        self.report(
            f"{summary['n_shots']} of {summary['n_asked']} shots finished, {summary['n_bound']} bound "
            f"(sticking {sticking['p']:.2f}, 95 % {sticking['low']:.2f} to {sticking['high']:.2f})"
        )
        if self.ctx.failed:
            label, job = self.ctx.failed[0]
            return not_ok(self, job, f"{len(self.ctx.failed)} of {self.ctx.n_batches} batches, first {label}")
        return None


def _fits(inputs: Any, context: Any) -> str | None:
    if "parameters" not in inputs:
        return None
    wrong = system_fits(inputs, context)
    if wrong:
        return wrong
    try:
        parameters = load(GunParameters, inputs["parameters"].get_dict(), "gun")
        if all(name in inputs for name in ("slab", "molecule", "model")):
            check_system(parameters, inputs["slab"].get_ase(), inputs["molecule"].get_ase(), inputs["model"].r_max)
        for name in ("slab_states", "molecule_states"):
            if inputs.get(name) is None:
                continue
            if "velocities" not in inputs[name].base.attributes.get("has"):
                return f"{name} have no velocities (Å/fs)."
            if "model" in inputs:
                inputs["model"].check_covers(inputs[name].elements, name)
    except RefusedError as error:
        return str(error)
    return None
