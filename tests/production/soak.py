"""A campaign under fire: random kills every few seconds, and then the same shots as of the undisturbed campaign.

``make soak`` (``python -m tests.production.soak --batches 60 --seed 7``) starts Slurm, sshd, PostgreSQL and RabbitMQ,
shoots all shots once in peace, in two batches, and then again in many batches while it kills daemon, workers, jobs,
node, connections, broker and database, all drawn from one seed. In between it does what a user would who looks in from
time to time: it starts a daemon that is dead, plays what AiiDA has paused, and repairs what has no task any more. Its
last line is computed from the database: ``soak: batches=… kills=… shots=… lost=0 double=0 outcomes_equal=yes|no``.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg

from . import steps
from .breaking import Breaker
from .cluster import Cluster
from .conftest import GPU
from .services import running
from .sites import Site, close_site, make_site

CODE: Final = "mlgun@cluster"
#: Torch evaluates each shot as a graph of its own: a shot is the same to the last bit, whoever flies beside it.
DYNAMICS: Final = {"threads": 1, "check_every": 5, "evaluator": "torch", "own_graphs": True}
#: So fast that most shots have met the slab, and have an outcome, within a hundred steps.
BEAM: Final = {"recipe": "beam", "kinetic_energy": 4.0}
OPTIONS: Final = GPU | {"rerunnable": True}
#: s without any change in the database after which a user would look closer.
SILENCE: Final = 300.0

SUBMIT: Final = """
from aiida.engine import submit
from aiida.plugins import WorkflowFactory
calm = orm.load_node({calm})
builder = WorkflowFactory('mlgun.gun').get_builder()
for name in ('code', 'model', 'slab', 'molecule'):
    setattr(builder, name, calm.inputs[name])
builder.slab_states, builder.molecule_states = calm.outputs.slab_states, calm.outputs.molecule_states
given = calm.inputs.parameters.get_dict() | dict(shots_per_job={shots}, jobs_at_once={at_once})
builder.parameters, builder.options = orm.Dict(given), orm.Dict({options!r})
builder.max_iterations = orm.Int(50)
print(submit(builder).pk)
"""

COMPARE: Final = """
from collections import Counter
import numpy as np
from aiida_mlgun.science.shot_merge import join_columns
def tables(pk):
    out = orm.load_node(pk).outputs
    return [out.shots[name].arrays() for name in sorted(out.shots)] if 'shots' in out else []
def joined(found):
    seen, kept = set(), []
    for table in found:
        numbers = set(table['shot'].tolist())
        if not numbers & seen:
            kept.append(table)
        seen |= numbers
    return join_columns(kept)
calm, soak = tables({calm}), tables({soak})
numbers = [int(n) for table in soak for n in table['shot']]
asked = orm.load_node({soak}).inputs.parameters['n_shots']
differ = ['all']
if soak:
    one, other = joined(calm), joined(soak)
    same = lambda a, b: a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == 'f')
    differ = sorted(name for name in one if not same(one[name], other[name]))
node = orm.load_node({soak})
jobs = [n for n in node.called_descendants if isinstance(n, orm.CalcJobNode)]
chains = [n for n in node.called if isinstance(n, orm.WorkChainNode)]
count = lambda nodes: {{str(k): sum(str(n.exit_status) == str(k) for n in nodes)
                       for k in {{n.exit_status for n in nodes}}}}
count_names = lambda found: dict(Counter(str(name) for table in found for name in table['outcome']))
print(json.dumps(dict(
    batches=len(soak), shots=len(set(numbers)), asked=asked, lost=asked - len(set(numbers)),
    double=len(numbers) - len(set(numbers)), differ=differ, state=node.process_state.value, status=node.exit_status,
    outcomes=count_names(soak), jobs=count(jobs), chains=count(chains),
    excepted=sum(n.is_excepted for n in [*jobs, *chains]),
    numbered=len({{n.get_job_id() for n in jobs}}),
)))
"""


class Soak:
    """One run: the site, what breaks it, the draws, and the diary."""

    def __init__(self, site: Site, seed: int, every: float) -> None:
        self.site, self.every = site, every
        self.cluster = Cluster(site.services)
        self.breaker = Breaker(site, self.cluster)
        self.random = random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.remedies: Counter[str] = Counter()
        self.begun = time.monotonic()
        #: What is done, and how often beside the others: jobs and workers die more often than services.
        self.faults: dict[str, tuple[Callable[[], bool], int]] = {
            "worker": (self.worker, 4),
            "process": (self.process, 4),
            "scancel": (self.scancel, 4),
            "requeue": (self.requeue, 4),
            "daemon": (self.daemon, 2),
            "daemon_and_workers": (self.daemon_and_workers, 2),
            "node": (self.node, 2),
            "ssh": (self.ssh, 2),
            "rabbitmq": (self.broker, 1),
            "postgres": (self.database, 1),
        }

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.begun:7.1f} s  {text}", flush=True)

    def calm(self, shots: int, max_steps: int) -> int:
        """All shots in two batches, in peace; the PK of the campaign."""
        dynamics = DYNAMICS | {"max_steps": max_steps}
        overrides = steps.GUN | {
            "n_shots": shots,
            "shots_per_job": -(-shots // 2),
            "dynamics": dynamics,
            "velocity": BEAM,
        }
        words = ("--model", steps.model(self.site), "--slab", steps.assets.slab(), "--molecule", "C2H2")
        return steps.launch(self.site, "gun", CODE, overrides, OPTIONS, *words, timeout=7200)

    def under_fire(self, pk: int, most_seconds: float) -> None:
        """Break things until the campaign has ended."""
        next_kill = time.monotonic() + self.random.expovariate(1 / self.every)
        changed, last = time.monotonic(), 0
        while not self.ended(pk):
            time.sleep(1.0)
            self.breaker.release_requeued()
            if time.monotonic() >= next_kill:
                self.strike()
                next_kill = time.monotonic() + self.random.expovariate(1 / self.every)
            self.look_after()
            done = self.finished()
            if done != last:
                changed, last = time.monotonic(), done
                self.say(f"{done} jobs ended, {sum(self.kills.values())} kills")
            if time.monotonic() - changed > SILENCE:
                self.say("nothing moves")
                self.repair()
                changed = time.monotonic()
            if time.monotonic() - self.begun > most_seconds:
                self.say("out of time")
                return

    def strike(self) -> None:
        weights = [weight for _, weight in self.faults.values()]
        (name,) = self.random.choices(list(self.faults), weights)
        if self.faults[name][0]():
            self.kills[name] += 1
            self.say(f"kill {sum(self.kills.values())}: {name}")

    def worker(self) -> bool:
        return self._one(self.breaker.workers())

    def process(self) -> bool:
        return self._one(self.breaker.shooting())

    def daemon(self) -> bool:
        self.breaker.kill_daemon(workers=False)
        return True

    def daemon_and_workers(self) -> bool:
        self.breaker.kill_daemon(workers=True)
        return True

    def scancel(self) -> bool:
        return self._slurm(("scancel",), "RUNNING", "PENDING")

    def requeue(self) -> bool:
        return self._slurm(("scontrol", "requeue"), "RUNNING")

    def node(self) -> bool:
        self.breaker.lose_node(self.random.uniform(1, 5))
        return True

    def ssh(self) -> bool:
        self.breaker.cut_ssh(self.random.uniform(1, 10))
        return True

    def broker(self) -> bool:
        """Workers that lost their broker don't always find back: whoever restarts it restarts the daemon's workers."""
        self.breaker.restart("rabbitmq", self.random.uniform(0, 4))
        self.breaker.kill(self.breaker.workers())
        self.remedies["daemon restart"] += 1
        return True

    def database(self) -> bool:
        """A worker that takes up a task while there is no database drops it: whoever restarts that one repairs."""
        self.breaker.restart("postgres", self.random.uniform(0, 4))
        self.repair()
        return True

    def _one(self, pids: list[int]) -> bool:
        if pids:
            self.breaker.kill([self.random.choice(pids)])
        return bool(pids)

    def _slurm(self, words: tuple[str, ...], *states: str) -> bool:
        numbers = sorted(number for number, state in self.cluster.jobs().items() if state in states)
        return bool(numbers) and self.cluster.try_slurm(*words, str(self.random.choice(numbers))).returncode == 0

    def look_after(self) -> None:
        """What a user does who looks in: a dead daemon is started, paused processes are played."""
        if not self.breaker.circus():
            self.site.run("verdi", "daemon", "start", "2")
            self.remedies["daemon start"] += 1
        if self._count("attributes->>'paused' = 'true'"):
            self.site.run("verdi", "process", "play", "--all")
            self.remedies["process play"] += 1

    def repair(self) -> None:
        """Processes may have lost their task."""
        for words in ("daemon stop", "process repair --force", "daemon start 2"):
            done = self.site.run("verdi", *words.split())
            self.say(f"verdi {words}: {' '.join((done.stdout + done.stderr).split())[-200:]}")
            if "stop" in words:
                self.breaker.kill(self.breaker.workers())  # those whose supervisor was killed: they hear no stop
        self.remedies["process repair"] += 1

    def ended(self, pk: int) -> bool:
        return self._count(f"id = {pk} and attributes->>'process_state' in ('finished', 'excepted', 'killed')") > 0

    def finished(self) -> int:
        return self._count(
            "node_type = 'process.calculation.calcjob.CalcJobNode.'"
            " and attributes->>'process_state' in ('finished', 'excepted', 'killed')"
        )

    def _count(self, where: str) -> int:
        with psycopg.connect(**self.site.connection) as connection:
            row = connection.execute(f"select count(*) from db_dbnode where {where}").fetchone()  # type: ignore[arg-type]
        assert row is not None
        return int(row[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--shots", type=int, default=2, help="per batch")
    parser.add_argument("--max-steps", type=int, default=130, help="of 1 fs; fewer leave the shots undecided")
    parser.add_argument("--seed", type=int, default=24, help="of the kills")
    parser.add_argument("--every", type=float, default=10.0, help="mean seconds between two kills")
    parser.add_argument("--at-once", type=int, default=20, help="batches that are submitted side by side")
    parser.add_argument("--hours", type=float, default=4.0, help="after which the soak gives up")
    parser.add_argument("--keep", action="store_true", help="keep the profile, and leave its daemon running")
    args = parser.parse_args()
    with running() as services:
        folder = Path(tempfile.mkdtemp(prefix="mlgun-soak-"))
        site = make_site(folder, services, "services")
        print(f"profile: AIIDA_PATH={folder}", flush=True)
        try:
            line = soak(site, args)
        finally:
            if not args.keep:
                close_site(site)
                Breaker(site, Cluster(services)).leave_nothing()
    print(line)


def soak(site: Site, args: argparse.Namespace) -> str:
    """The whole run; its last line."""
    run = Soak(site, args.seed, args.every)
    site.ok("verdi", "daemon", "incr", "1")
    calm = run.calm(args.batches * args.shots, args.max_steps)
    run.say(f"undisturbed: <{calm}>")
    script = SUBMIT.format(calm=calm, shots=args.shots, at_once=args.at_once, options=OPTIONS)
    pk = site.ask(script)
    begun = time.monotonic()
    run.under_fire(pk, 3600 * args.hours)
    run.say(f"under fire: <{pk}>, {time.monotonic() - begun:.0f} s")
    found: dict[str, Any] = site.ask(COMPARE.format(calm=calm, soak=pk))
    print(json.dumps({"kills": run.kills, "remedies": run.remedies, **found}, sort_keys=True), flush=True)
    equal = "yes" if not found["differ"] else "no"
    return (
        f"soak: batches={found['batches']} kills={sum(run.kills.values())} shots={found['shots']} "
        f"lost={found['lost']} double={found['double']} outcomes_equal={equal}"
    )


if __name__ == "__main__":
    main()
