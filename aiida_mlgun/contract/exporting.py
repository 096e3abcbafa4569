"""The job that writes a stored model in the form another program reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from .manifest import SCHEMA
from .strict import require

Format = Literal["mace", "lammps", "lammps-mliap"]

#: Format → how MACE and LAMMPS users end the file's name.
ENDINGS: Final[dict[str, str]] = {"mace": ".model", "lammps": "-lammps.pt", "lammps-mliap": "-mliap_lammps.pt"}


@dataclass(frozen=True)
class ExportJob:
    """``model/`` → one file: for MACE (``mace``), for LAMMPS through libtorch (``lammps``) or its ML-IAP interface.

    All three are pickles or TorchScript: whoever opens one runs what is in it, so pass its sha256 on with the file.

    :param head: the head to write; None writes all heads for ``mace``, and is refused for LAMMPS if there are several.
    :param precision: of the weights in the file; what was stored in float32 loses nothing in float64.
    """

    verb: ClassVar[str] = "export"
    format: Format = "mace"
    head: str | None = None
    precision: Literal["float32", "float64"] = "float64"
    threads: int = 0
    seed: int = 0
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        require(self.head != "", "export: head must be the name of a head; leave it out for a model with one.")
        require(self.threads >= 0, f"export: threads must not be negative, not {self.threads}.")
