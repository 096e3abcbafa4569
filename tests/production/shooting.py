"""A batch of shots on the cluster whose undisturbed outcome is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from . import steps
from .cluster import until
from .conftest import GPU
from .sites import Site

CODE: Final = "mlgun@cluster"
#: Two shots that no decision ends, of 28 atoms: about 6 s of work on a quiet core, a checkpoint every second.
DYNAMICS: Final = {"threads": 1, "max_steps": 150, "check_every": 5, "evaluator": "torch", "own_graphs": True}
OVERRIDES: Final[dict[str, Any]] = steps.GUN | {
    "n_shots": 2,
    "dynamics": DYNAMICS,
    "decision": steps.GUN["decision"] | {"early": False},
}

SUBMIT: Final = """
from aiida.engine import submit
from aiida.plugins import WorkflowFactory
calm = orm.load_node({calm})
batch = next(node for node in calm.called if node.process_label == 'ShootWorkChain')
builder = WorkflowFactory('mlgun.shoot').get_builder()
for name in ('code', 'model', 'slab_states', 'molecule_states'):
    setattr(builder, name, batch.inputs[name])
builder.parameters = orm.Dict(batch.inputs.parameters.get_dict() | dict(checkpoint_every_s=1.0) | {parameters!r})
builder.options = orm.Dict({options!r})
print(submit(builder).pk)
"""

FOUND: Final = """
import numpy as np
from aiida.cmdline.utils.common import get_workchain_report
node, calm = orm.load_node({pk}), orm.load_node({calm})
one = next(iter(calm.outputs.shots.values())).arrays()
other = node.outputs.shots.arrays() if 'shots' in node.outputs else None
same = lambda a, b: a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == 'f')
differ = None if other is None else sorted(name for name in one if not same(one[name], other[name]))
resumed = [j.outputs.results['numbers'].get('resumed') if 'results' in j.outputs else None
           for j in node.called if isinstance(j, orm.CalcJobNode)]
print(json.dumps(dict(
    state=node.process_state.value, status=node.exit_status, message=node.exit_message, jobs=jobs_of(node.pk),
    shots=None if other is None else other['shot'].tolist(), differ=differ, resumed=resumed,
    checkpoint='checkpoint' in node.outputs, report=get_workchain_report(node, 'REPORT'),
)))
"""


@dataclass(frozen=True)
class Shooting:
    """A site, and the campaign that nobody disturbed."""

    site: Site
    calm: int

    @classmethod
    def prepare(cls, site: Site) -> Shooting:
        """Shoot in peace."""
        words = ("--model", steps.model(site), "--slab", steps.assets.slab(), "--molecule", "C2H2")
        return cls(site, steps.launch(site, "gun", CODE, OVERRIDES, GPU, *words))

    def submit(self, options: dict[str, Any] | None = None, **parameters: Any) -> int:
        """The same batch again; its PK."""
        script = SUBMIT.format(calm=self.calm, options=GPU | (options or {}), parameters=parameters)
        pk: int = self.site.ask(script)
        return pk

    def paused(self, pk: int) -> bool:
        """Whether AiiDA has paused one of the batch's jobs."""
        script = f"print(json.dumps(any(n.paused for n in orm.load_node({pk}).called)))"
        return bool(self.site.ask(script))

    def ended(self, pk: int, timeout: float = 900.0) -> dict[str, Any]:
        """The batch at its end: state, jobs, shots, and what differs from the undisturbed ones."""
        ask = f"print(json.dumps(orm.load_node({pk}).is_terminated))"
        until(lambda: self.site.ask(ask), f"<{pk}> does not end", timeout)
        found: dict[str, Any] = self.site.ask(steps.JOBS + FOUND.format(pk=pk, calm=self.calm))
        return found
