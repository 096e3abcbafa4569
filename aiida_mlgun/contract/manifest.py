"""``result.json``: how a run ended, with what, and the sha256 of each output.  Written last, in one rename."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import files
from .errors import RefusedError
from .strict import dump, load

SCHEMA = 1


@dataclass(frozen=True)
class Manifest:
    """The positive end marker of a run.

    :param status: ``ok`` or a name from :mod:`aiida_mlgun.contract.status`.
    :param detail: one sentence for the user; empty when all is well.
    :param outputs: relative path → sha256 (hex) of each output file.
    :param versions: package → version on the compute machine.
    :param numbers: small results for queries (errors, drift, counts).
    """

    schema: int
    verb: str
    status: str
    detail: str
    seed: int
    device: str
    wall_seconds: float
    versions: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)


def sha256_file(path: Path) -> str:
    """The hexadecimal sha256 of a file's bytes, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name, flush to disk, rename: a reader sees the old file or the whole new one.

    :raises OSError: e.g. the disk is full; the space that the attempt took is given back.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def write(folder: Path, manifest: Manifest) -> None:
    """Write ``result.json`` into ``folder``."""
    text = json.dumps(dump(manifest), indent=1, sort_keys=True, allow_nan=False)
    write_atomically(folder / files.MANIFEST, text.encode())


def parse(text: str) -> Manifest:
    """Read a manifest.

    :raises RefusedError: when it is not one (cut off, foreign keys), or of another schema.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise RefusedError(f"result.json is not JSON: {error}.", status="manifest_missing") from error
    try:
        manifest = load(Manifest, data, "result.json")
    except RefusedError as error:
        raise RefusedError(str(error), status="schema_mismatch") from error
    if manifest.schema != SCHEMA:
        message = f"result.json has schema {manifest.schema}, this version reads {SCHEMA}."
        raise RefusedError(message, status="schema_mismatch")
    return manifest


def checksums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The sha256 of each named file below ``folder``, sorted by name."""
    return {name: sha256_file(folder / name) for name in sorted(names)}
