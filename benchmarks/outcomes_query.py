"""How long questions to 100 000 shots take: 1000 stored batches of 100, each with job, workflow, campaign and model.

``python benchmarks/outcomes_query.py`` makes a SQLite profile in a temporary folder; ``--profile NAME`` fills a profile
that is there, which should be empty, as to try PostgreSQL.  It ends with ``query: query_100k_s=…``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from aiida import load_profile, orm
from aiida.common.links import LinkType
from aiida.manage import get_manager
from aiida.manage.configuration import create_profile, get_config, reset_config
from aiida.manage.configuration.settings import AiiDAConfigDir

from aiida_mlgun.contract.files import MODEL_FILES
from aiida_mlgun.contract.strict import dump
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.data.shots import COLUMNS, ShotsData
from aiida_mlgun.queries.shots import query_shots
from aiida_mlgun.science.outcomes.chemistry import load_catalogue

OUTCOMES = ("on_top CC", "bridge CC", "single CC", "precursor", "intact", "reflected")
JOBS_OF_A_CAMPAIGN = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=1000)
    parser.add_argument("--shots", type=int, default=100, help="of each batch")
    parser.add_argument("--profile", help="an empty profile to fill; a new one with SQLite by default")
    args = parser.parse_args()
    print(f"query: query_100k_s={query_100k_s(args.batches, args.shots, args.profile):.2f}")


def query_100k_s(batches: int = 1000, shots: int = 100, profile: str | None = None) -> float:
    """Seconds for the table of all shots: the slowest of three times.

    :param profile: name of an empty profile to fill; None: SQLite, in a temporary folder.
    """
    if profile is not None:
        load_profile(profile)
        return _measured(batches, shots)
    with tempfile.TemporaryDirectory() as name:
        _fresh_profile(Path(name))
        try:
            return _measured(batches, shots)
        finally:
            get_manager().reset_profile()


def _measured(batches: int, shots: int) -> float:
    start = time.perf_counter()
    fill(batches, shots)
    nodes = orm.QueryBuilder().append(orm.Node).count()
    print(f"{batches * shots} shots in {batches} batches, {nodes} nodes, stored in {time.perf_counter() - start:.0f} s")
    one = orm.QueryBuilder().append(ShotsData, project="attributes").first(flat=True)
    plain = {key: value for key, value in one.items() if key != "per_shot"}
    print(f"attributes of a batch: {len(json.dumps(one))} bytes, {len(json.dumps(plain))} without per_shot", flush=True)
    whole = max(_timed("all shots", query_shots) for _ in range(3))
    _timed("one mode", lambda: query_shots(mode="on_top"))
    _timed("one mode of one campaign", lambda: query_shots(mode="on_top", campaign=_campaign()))
    _timed("one model, the last week", lambda: query_shots(model="mlgun-compact-1", since="7d"))
    _timed("of one campaign, with drift from the files", lambda: query_shots(["drift"], campaign=_campaign()))
    return whole


def _timed(what: str, ask: Callable[[], Any]) -> float:
    start, cpu = time.perf_counter(), time.process_time()
    rows = len(ask())
    seconds = time.perf_counter() - start
    print(f"{what}: {rows} rows, {seconds:.2f} s ({time.process_time() - cpu:.2f} s of CPU)", flush=True)
    return seconds


def _campaign() -> int:
    return int(
        orm.QueryBuilder().append(orm.WorkChainNode, project="id").order_by({orm.WorkChainNode: "id"}).first()[0]
    )


def fill(batches: int, shots: int) -> None:
    """Store campaigns of a hundred batches, as the engine would."""
    from aiida_mlgun.assets import COMPACT_MODEL, shipped_models

    folder = shipped_models()[COMPACT_MODEL]
    model = ModelData({name: (folder / name).read_bytes() for name in MODEL_FILES}, {"name": COMPACT_MODEL}).store()
    chemistry = {"groups": [{"name": "CC", "atoms": [0, 1]}], "catalogue": dump(load_catalogue())}
    for first in range(0, batches, JOBS_OF_A_CAMPAIGN):
        with get_manager().get_profile_storage().transaction():
            campaign = _process("GunWorkChain", orm.WorkChainNode, None, {"model": model})
            numbers = range(first, min(first + JOBS_OF_A_CAMPAIGN, batches))
            made = [_batch(k, shots, model, chemistry, campaign) for k in numbers]
        for k, (table, chain) in zip(numbers, made, strict=True):  # a link between stored nodes commits by itself
            table.base.links.add_incoming(chain, LinkType.RETURN, "shots")
            table.base.links.add_incoming(campaign, LinkType.RETURN, f"shots__batch_{k - first:04d}")


def _batch(
    k: int, shots: int, model: ModelData, chemistry: dict[str, Any], campaign: orm.WorkChainNode
) -> tuple[ShotsData, orm.WorkChainNode]:
    settings = orm.Dict({"seed": k, "velocity": {"temperature": 300.0}, "chemistry": chemistry}).store()
    inputs = {"model": model, "parameters": settings}
    chain = _process("ShootWorkChain", orm.WorkChainNode, campaign, inputs)
    job = _process("ShootCalculation", orm.CalcJobNode, chain, inputs)
    table = ShotsData(arrays(k, shots))
    table.base.links.add_incoming(job, LinkType.CREATE, "shots")
    return table.store(), chain


def _process(label: str, kind: type[Any], caller: Any, inputs: dict[str, orm.Data]) -> Any:
    process = kind()
    process.set_process_label(label)
    calc = kind is orm.CalcJobNode
    for name, node in inputs.items():
        process.base.links.add_incoming(node, LinkType.INPUT_CALC if calc else LinkType.INPUT_WORK, name)
    if caller is not None:
        process.base.links.add_incoming(caller, LinkType.CALL_CALC if calc else LinkType.CALL_WORK, label)
    return process.store()


def arrays(k: int, n: int) -> dict[str, Any]:
    """The scalar columns of batch ``k``, drawn at random."""
    rng = np.random.default_rng(k)
    found: dict[str, Any] = {name: rng.random(n) for name in COLUMNS}
    found |= {name: rng.integers(10, size=n) for name in ("slab_state", "molecule_state", "n_steps")}
    found["shot"] = np.arange(n) + n * (k % JOBS_OF_A_CAMPAIGN)
    found["seed"] = rng.integers(2**62, size=n)
    found["outcome"] = rng.choice(OUTCOMES, size=n)
    found["group"], found["site"] = np.full(n, "CC"), rng.choice(["on_top", "bridge", ""], size=n)
    found["ended"], found["reason"] = np.full(n, "settled"), np.full(n, "bonds Si0-C0 and Si1-C1")
    for name in ("contact_fs", "bond_fs", "end_fs"):
        found[name] = np.where(rng.random(n) < 0.2, np.nan, 0.5 * rng.integers(40_000, size=n))
    return found | {"numbers": np.full(28, 14)}


def _fresh_profile(folder: Path) -> None:
    AiiDAConfigDir.set(folder)
    reset_config()
    config = get_config(create=True)
    profile = create_profile(
        config,
        name="benchmark",
        email="benchmark@localhost",
        storage_backend="core.sqlite_dos",
        storage_config={"filepath": str(folder / "storage")},
    )
    load_profile(profile.name, allow_switch=True)


if __name__ == "__main__":
    main()
