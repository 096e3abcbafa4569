"""From sources to frames: which reader a calculation needs, and all of them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ...contract.errors import RefusedError
from ...science.frames import Frames, concatenate
from . import cp2k, espresso, plain, vasp
from .labelled import Labelled
from .nodes import Nodes

Reader = tuple[str, Callable[[Nodes], bool], Callable[[Nodes, str], Labelled]]

#: The first that recognises the nodes reads them.
READERS: Final[tuple[Reader, ...]] = (
    ("CP2K", cp2k.recognises, cp2k.read),
    ("pw.x", espresso.recognises, espresso.read),
    ("VASP", vasp.recognises, vasp.read),
    ("trajectory", plain.recognises, plain.read),
)


@dataclass(frozen=True)
class Source:
    """One calculation, or one trajectory that no calculation made.

    :param name: as in ``PwCalculation<123>``.
    :param run: short UUID, the tag ``run``.
    :param nodes: output label → node; inputs carry the prefix ``input_``.
    """

    name: str
    run: str
    nodes: Nodes


@dataclass(frozen=True)
class Taken:
    """What was taken from one source, for tables: kind, frames, label → where it was found, notes."""

    name: str
    run: str
    kind: str
    n_frames: int
    level: str
    names: Mapping[str, str]
    notes: tuple[str, ...]


def read_source(source: Source, stratum: str, level: str) -> tuple[Frames, Taken]:
    """The frames of one source.

    :raises RefusedError: when no reader knows its outputs, or the one that does refuses.
    """
    for kind, recognises, read in READERS:
        if recognises(source.nodes):
            found = read(source.nodes, source.name)
            frames = found.frames(source.name, source.run, stratum, level)
            names, named = dict(found.names), level or found.level
            return frames, Taken(source.name, source.run, kind, len(frames), named, names, found.notes)
    outputs = ", ".join(sorted(label for label in source.nodes if not label.startswith("input_"))) or "none"
    raise RefusedError(f"{source.name}: no trajectory and no forces among its outputs ({outputs}).")


def read_sources(sources: Sequence[Source], stratum: str = "", level: str = "") -> tuple[Frames, list[Taken]]:
    """All sources, one after the other.

    :param stratum: the tag ``stratum`` of all frames.
    :param level: their level of theory; without it, what the outputs say.
    :raises RefusedError: when a source is refused, or sources are of different levels or kinds of energy.
    """
    if not sources:
        raise RefusedError("there is no calculation to take frames from.")
    read = [read_source(source, stratum, level) for source in sources]
    taken = [entry for _, entry in read]
    levels = {entry.level: entry.name for entry in taken if entry.level}
    if len(levels) > 1:
        listed = "; ".join(f"{name} of {level}" for level, name in sorted(levels.items()))
        raise RefusedError(f"these are of different levels of theory ({listed}): take them apart.")
    silent = next((entry.name for entry in taken if not entry.level), None)
    if levels and silent is not None:
        raise RefusedError(
            f"the outputs of {silent} do not say its level of theory beside {next(iter(levels))!r}; name it (--level)."
        )
    codes = {entry.kind: entry.name for entry in taken if entry.kind != "trajectory"}
    if len(codes) > 1:
        listed = "; ".join(f"{name} of {code}" for code, name in sorted(codes.items()))
        raise RefusedError(
            f"these are of different codes ({listed}), whose energies have no common zero: take them apart."
        )
    energies = {entry.names["energy"].removeprefix("arrays.energies_").split(".")[-1]: entry.name for entry in taken}
    vasp_energies = {name: energies[name] for name in vasp.ENERGIES if name in energies}
    if len(vasp_energies) > 1:
        listed = "; ".join(f"{where} has {name}" for name, where in vasp_energies.items())
        raise RefusedError(f"these hold different kinds of energy ({listed}), which must not be mixed.")
    return concatenate([frames for frames, _ in read]), taken
