"""Which reader a file of frames needs: told by its name, confirmed or corrected by its first bytes.

Names are never interpreted: ``@``, ``*`` and the like are characters of the name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..contract.errors import RefusedError
from .cp2k import Cp2kSource
from .espresso import EspressoSource
from .extxyz import ExtxyzSource
from .opening import check_path, open_stream
from .source import Source
from .trajectory import TrajectorySource
from .vasp import OutcarSource
from .vasp_ml_ab import MlAbSource
from .vasp_xml import VasprunSource

HEAD = 1 << 16  # bytes of the start that are looked at
PACKINGS = (".gz", ".xz")


@dataclass(frozen=True)
class Format:
    """A format: its name, how users know it, and how its files are told by content and by name (lower case)."""

    name: str
    known_as: str
    open: Callable[[Path, Mapping[str, str] | None], Source]
    content: Callable[[bytes], bool]
    named: Callable[[str], bool]


def _counts_atoms(head: bytes) -> bool:
    first = head.split(b"\n", 1)[0].strip()
    return first.isdigit()


FORMATS = (
    Format(
        "ase-traj",
        "ASE trajectory (.traj)",
        TrajectorySource,
        lambda head: head[:8] in (b"- of Ulm", b"AFFormat") and head[8:24].startswith(b"ASE-Trajectory"),
        lambda name: name.endswith(".traj"),
    ),
    Format(
        "vasp-xml",
        "VASP vasprun.xml",
        VasprunSource,
        lambda head: b"<modeling" in head,
        lambda name: name.endswith(".xml"),
    ),
    Format(
        "vasp-ml-ab",
        "VASP ML_AB",
        MlAbSource,
        lambda head: b"The number of configurations" in head,
        lambda name: name.startswith(("ml_ab", "ml_abn")),
    ),
    Format(
        "vasp-out",
        "VASP OUTCAR",
        OutcarSource,
        lambda head: head.lstrip().startswith(b"vasp.") or b" POTCAR:" in head,
        lambda name: "outcar" in name,
    ),
    Format(
        "espresso-out",
        "Quantum ESPRESSO pw.x output",
        EspressoSource,
        lambda head: b"Program PWSCF" in head,
        lambda name: name.endswith((".pwo", ".out.pw")),
    ),
    Format(
        "cp2k-out",
        "CP2K output",
        Cp2kSource,
        lambda head: b" CP2K| version string" in head or b"DBCSR| " in head,
        lambda name: False,
    ),
    Format(
        "extxyz",
        "extended XYZ (.xyz, .extxyz)",
        ExtxyzSource,
        _counts_atoms,
        lambda name: name.endswith((".xyz", ".extxyz")),
    ),
)


def open_source(path: Path, keys: Mapping[str, str] | None = None) -> Source:
    """The reader for a file.  The content decides; where it says nothing the name, whose reader tells what is wrong.

    :param keys: ``energy``, ``forces``, ``stress`` → the key that holds it, where a format has more than one.
    :raises RefusedError: missing, a folder, empty, damaged, or of no known format.
    """
    check_path(path)
    with open_stream(path) as stream:
        head = b""
        while len(head) < HEAD and (block := stream.read(HEAD - len(head))):
            head += block
    if not head.strip():
        raise RefusedError(f"{path}: the file is empty.")
    name = path.name.lower()
    while name.endswith(PACKINGS):
        name = name[:-3]
    found = next((f for f in FORMATS if f.content(head)), None) or next((f for f in FORMATS if f.named(name)), None)
    if found is None:
        known = ", ".join(f.known_as for f in FORMATS)
        raise RefusedError(
            f"{path}: this is no file of frames that is known. Known are {known}; each also as .gz or .xz."
        )
    return found.open(path, keys)
