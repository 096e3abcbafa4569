"""``mlgun.gun``: a campaign - start states, batches of shots in lanes, looks, one summary."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from ..calculations.equilibrate import EquilibrateCalculation
from ..contract.status import BY_NAME
from ..contract.strict import dump, load, require
from ..data.frames import FramesData
from ..data.model import ModelData
from ..data.shots import ShotsData
from ..data.tallied import tables_of
from ..science.outcomes.chemistry import complete_chemistry
from ..science.shot_ranges import cut, size, without
from .campaign import GunParameters
from .common import define_common, empty_remote_folder, job_inputs, not_ok
from .firing import FiringWorkChain
from .functions.campaign import identify, look, summarise
from .gun_checks import fits
from .look import wave_size
from .protocols import ProtocolMixin


class GunWorkChain(ProtocolMixin, FiringWorkChain):
    """Shoot a molecule at a slab many times; every shot ends in a named outcome.

    With ``precision`` it looks after each wave of batches and stops when the shares are known so well; else it flies
    ``n_shots``.  With ``previous``, the ``tally`` of an earlier campaign, it goes on where that one ended: its shots
    count, and those that it lost are flown first (:mod:`aiida_mlgun.workflows.extension` makes the inputs).
    """

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
        spec.input("previous", valid_type=orm.Dict, required=False, help="`tally` of a campaign that this one extends.")
        spec.input("max_iterations", valid_type=orm.Int, required=False, help="Jobs per batch at most; 5 by default.")
        spec.input(
            "clean_workdir",
            valid_type=orm.Bool,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Bool(False),
            help="Empty a job's remote folder as soon as its batch, or the equilibration, has ended.",
        )
        spec.inputs.validator = fits
        spec.outline(
            cls.setup,
            if_(cls.needs_states)(cls.equilibrate, cls.inspect_states),
            cls.begin,
            while_(cls.is_short)(
                cls.plan,
                while_(cls.has_batches)(cls.shoot, cls.inspect_batches),
                cls.look,
            ),
            cls.collect,
        )
        spec.output("slab_states", valid_type=FramesData, required=False, help="Start states of the slab.")
        spec.output("molecule_states", valid_type=FramesData, required=False, help="Start states of the molecule.")
        spec.output("equilibration", valid_type=orm.Dict, required=False, help="How the equilibration went.")
        spec.output_namespace("shots", valid_type=ShotsData, help="Batch → table of the shots that were flown here.")
        spec.output("tally", valid_type=orm.Dict, required=False, help="All shots counted, those of `previous` too.")
        spec.output("look", valid_type=orm.Dict, required=False, help="The last look, if precision was asked for.")
        spec.output("summary", valid_type=orm.Dict, required=False, help="Counts, intervals, sticking, drift, losses.")

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
        """What is to be shot: all numbers of the sequence that no earlier campaign holds."""
        campaign = load(GunParameters, self.inputs.parameters.get_dict(), "gun")
        previous = self.inputs.get("previous")
        self.ctx.equilibrate_parameters = campaign.equilibrate_parameters()
        self.ctx.tally, self.ctx.n_before = previous, 0 if previous is None else previous["n_shots"]
        held = [] if previous is None else previous["shots"]
        self.ctx.todo = without([[campaign.first_shot, campaign.first_shot + campaign.n_shots]], held)
        self.ctx.stopped_by, self.ctx.last_look, self.ctx.n_waves = None, None, 0
        self.ctx.slab_states = self.inputs.get("slab_states")
        self.ctx.molecule_states = self.inputs.get("molecule_states")
        self.set_up_lanes(campaign)

    def needs_states(self) -> bool:
        """True unless both kinds of start states were given."""
        return self.ctx.slab_states is None or self.ctx.molecule_states is None

    def equilibrate(self) -> Any:
        """Equilibrate slab and molecule apart."""
        names = ("model", "slab", "molecule")
        inputs = {name: self.inputs[name] for name in names} | job_inputs(self, "equilibrate")
        inputs["parameters"] = orm.Dict(self.ctx.equilibrate_parameters)
        node = self.submit(EquilibrateCalculation, **inputs)
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
        if self.inputs.clean_workdir:
            empty_remote_folder(self, job)
        return None

    def begin(self) -> None:
        """Say what the shots are of; of an extended campaign, look at what there is."""
        names = ("parameters", "model", "slab", "molecule")
        states = {"slab_states": self.ctx.slab_states, "molecule_states": self.ctx.molecule_states}
        self.ctx.about = identify(**{name: self.inputs[name] for name in names}, **states)
        if self.ctx.tally is not None:
            self.report(f"{self.ctx.n_before} shots are taken over; {size(self.ctx.todo)} are left to shoot at most")
            self._look()

    def is_short(self) -> bool:
        """True while more shots are wanted and the budget has some."""
        if self.ctx.stopped_by is None and self.ctx.todo and self.out_of_time():
            self.ctx.stopped_by = "hours"
            self.report(f"the {self.campaign().max_hours:g} h are over; {size(self.ctx.todo)} shots are not flown")
        return self.ctx.stopped_by is None and bool(self.ctx.todo)

    def plan(self) -> None:
        """The next wave: all shots, or as many as the last look says are needed."""
        campaign = self.campaign()
        left = size(self.ctx.todo)
        n = left
        if campaign.precision is not None:
            if self.ctx.last_look is None:
                self.ctx.last_look = look(self.inputs.parameters)
            more = self.ctx.last_look["more"]
            first = self.ctx.last_look["n"] == 0
            n = wave_size(more, first, campaign.shots_per_job, campaign.jobs_at_once, left)
        self.ctx.wave, self.ctx.todo = cut(self.ctx.todo, n)
        self.ctx.n_waves += 1
        at_once = f"{self.ctx.at_once} batches" if self.ctx.at_once else "all"
        self.report(f"wave {self.ctx.n_waves}: {n} shots, at most {at_once} at once; {left - n} stay in the budget")

    def look(self) -> Any:
        """After a wave: count, and with ``precision`` decide whether that is enough."""
        self.count()
        if self.ctx.tally is None:
            return self._refused() or not_ok(self, orm.load_node(self.ctx.failed[1]), self.ctx.failed[0])
        self._look()
        return None

    def _look(self) -> None:
        if self.campaign().precision is None:
            return
        self.ctx.last_look = look(self.inputs.parameters, self.ctx.tally)
        self.report(self.ctx.last_look["sentence"])
        if self.ctx.last_look["stop"]:
            self.ctx.stopped_by = self.ctx.stopped_by or "precision"
        elif self.ctx.last_look["hopeless"]:
            self.ctx.stopped_by = self.ctx.stopped_by or "start_states"

    def collect(self) -> Any:
        """Summarise what there is; lost shots, missed precision and failed batches give the exit code."""
        self.out("shots", tables_of(self.ctx.tally, self.inputs.get("previous")))
        ended = {
            "stopped_by": self.ctx.stopped_by or "shots",
            "n_before": self.ctx.n_before,
            "lost": self.ctx.lost,
            "never_submitted": size(self.ctx.todo),
        }
        said = {} if self.ctx.last_look is None else {"last_look": self.ctx.last_look}
        summary = summarise(self.inputs.parameters, self.ctx.tally, ended=orm.Dict(ended), **said)
        self.out("tally", self.ctx.tally)
        self.out("summary", summary)
        if said:
            self.out("look", self.ctx.last_look)
        sticking = summary["clustered"]["sticking"]
        self.report(
            f"{summary['n_shots']} of {summary['n_asked']} shots finished, {summary['n_bound']} bound (sticking "
            f"{sticking['p']:.2f}, 95 % over start states {sticking['low']:.2f} to {sticking['high']:.2f})"
        )
        for sentence in summary["remarks"]:
            self.report(sentence)
        return self._verdict(summary)

    def _verdict(self, summary: orm.Dict) -> ExitCode | None:
        """What was wrong with shots that did finish comes first, then lost shots, then missed precision."""
        if self.ctx.refused is not None:
            return self._refused()
        if self.ctx.wrong is not None:
            label, pk, n = self.ctx.wrong
            return not_ok(self, orm.load_node(pk), f"{n} of {self.ctx.started} batches, first {label}")
        if self.ctx.lost:
            first = self.ctx.lost[0]
            what = f"{summary['n_lost']} of {summary['n_asked']}, first those of {first['label']} <{first['pk']}>"
            return self._ended("shots_lost", f"{what}, [{first['exit_status']}] {first['exit_message']}")
        if self.ctx.stopped_by == "failures":
            return not_ok(self, orm.load_node(self.ctx.failed[1]), self.ctx.failed[0])
        if self.ctx.last_look is not None and not self.ctx.last_look["stop"]:
            return self._ended("precision_missed", self.ctx.last_look["sentence"])
        return None

    def _refused(self) -> ExitCode | None:
        return None if self.ctx.refused is None else self._ended("input_refused", self.ctx.refused)

    def _ended(self, name: str, detail: str) -> ExitCode:
        row = BY_NAME[name]
        return ExitCode(row.code, row.message.format(detail=detail))

    def out_of_time(self) -> bool:
        """Whether ``max_hours`` are over."""
        hours = self.campaign().max_hours
        return hours is not None and (datetime.now(UTC) - self.node.ctime).total_seconds() > 3600 * hours
