"""What a checkpoint says of itself: a sealed JSON document, written last, that names its files and their sha256."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from .errors import RefusedError
from .strict import dump, load

T = TypeVar("T")

#: File name of a generation's document; the number tells which is the newest.
DOCUMENT: Final = re.compile(r"state-(\d{6})\.json")

#: Raise it whenever the same job would give other paths or other outcomes: a checkpoint of other physics is not gone on
#: from, and AiiDA's cache returns no shots of it.  2: outcomes at the end by the mode held for most of ``settle_fs``.
PHYSICS: Final = 2


@dataclass(frozen=True)
class ShootGeneration:
    """One generation of a batch of shots.

    :param shots: finished ones.   :param steps: of all shots together.   :param seconds: of all runs so far.
    :param width: shots that flew side by side; ``asked``: the job's ``batch_size`` then.
    :param evaluator: what computed the forces.   :param environment: package → version.
    :param identity: what decides numbers: ``job`` and each input file → sha256.
    :param state: the file of the shots in flight.   :param shards: files of the finished ones, in order.
    :param files: name → sha256 of these files.
    """

    number: int
    shots: int
    steps: int
    seconds: float
    width: int
    asked: int | None
    evaluator: str
    environment: dict[str, str]
    identity: dict[str, str]
    state: str
    shards: tuple[str, ...]
    files: dict[str, str]
    physics: int = PHYSICS
    schema: int = 1


def seal(generation: object) -> bytes:
    """A generation (a dataclass) as JSON, with its own sha256."""
    told = dump(generation)
    content = {"generation": told, "sha256": _sum(told)}
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False).encode()


def unseal(cls: type[T], content: bytes, name: str) -> T:
    """The generation in the document ``name``.

    :raises RefusedError: cut off, altered, or of something else.
    """
    try:
        told = json.loads(content)
        if told["sha256"] != _sum(told["generation"]):
            raise RefusedError("it has been altered")
        return load(cls, told["generation"], name)
    except (KeyError, TypeError, ValueError) as error:  # RefusedError is a ValueError
        raise RefusedError(f"{name} is damaged or foreign ({error}).") from error


def _sum(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
