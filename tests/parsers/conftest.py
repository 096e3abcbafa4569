"""A finished job as AiiDA leaves it to the parser: inputs, the retrieved folder, perhaps the scheduler's verdict."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.plugins import ParserFactory

from aiida_mlgun.contract import files
from aiida_mlgun.contract.manifest import SCHEMA


class Parsed(NamedTuple):
    """What a parser made of a job."""

    outputs: dict[str, orm.Data]
    code: int | None
    message: str | None


def manifest(
    verb: str, outputs: Mapping[str, bytes] | None = None, status: str = "ok", detail: str = "", **changes: Any
) -> bytes:
    """The bytes of ``result.json`` for files with these contents."""
    digests = {name: sha256(content).hexdigest() for name, content in (outputs or {}).items()}
    data = {"schema": SCHEMA, "verb": verb, "status": status, "detail": detail, "seed": 24, "device": "cpu"}
    data |= {"wall_seconds": 1.5, "versions": {"torch": "2.0"}, "outputs": digests, "numbers": {"n": 3}}
    return json.dumps(data | changes).encode()


@pytest.fixture
def parse(aiida_localhost: orm.Computer) -> Callable[..., Parsed]:
    """``parse(verb, contents, inputs, scheduler)`` → outputs (stored), exit status and message."""

    def run(
        verb: str,
        contents: Mapping[str, bytes],
        inputs: Mapping[str, orm.Data] | None = None,
        scheduler: int | None = None,
    ) -> Parsed:
        node = orm.CalcJobNode(computer=aiida_localhost, process_type=f"aiida.calculations:mlgun.{verb}")
        node.set_option("resources", {"num_machines": 1, "num_mpiprocs_per_machine": 1})
        for name, given in (inputs or {}).items():
            node.base.links.add_incoming(given.store(), LinkType.INPUT_CALC, name)
        node.store()
        if scheduler is not None:
            node.set_exit_status(scheduler)
        retrieved = orm.FolderData()
        for name, content in contents.items():
            retrieved.base.repository.put_object_from_filelike(io.BytesIO(content), name)
        retrieved.base.links.add_incoming(node, LinkType.CREATE, "retrieved")
        retrieved.store()
        outputs, process = ParserFactory(f"mlgun.{verb}").parse_from_node(node, store_provenance=False)
        found = {name: out.store() for name, out in flat(outputs).items()}
        return Parsed(found, process.exit_status or None, process.exit_message)

    return run


def flat(outputs: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nodes of namespaces under their full names."""
    found: dict[str, Any] = {}
    for name, out in outputs.items():
        found |= flat(out, f"{above}{name}.") if isinstance(out, Mapping) else {above + name: out}
    return found


def ok(verb: str, outputs: Mapping[str, bytes], **manifest_changes: Any) -> dict[str, bytes]:
    """All files of a job that wrote ``outputs``."""
    return {**outputs, files.MANIFEST: manifest(verb, outputs, **manifest_changes)}
