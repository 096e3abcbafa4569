"""Chemistry files: groups, bonds and catalogue of one system as YAML; some are shipped, users write their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...contract.errors import RefusedError
from ...contract.shooting import BondRule, Chemistry, Mode
from ...contract.strict import dump, load
from .bonds import pair_numbers
from .catalogue import check_catalogue, read_yaml
from .groups import find_groups
from .patterns import GroupRule, find_patterns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: The files that are shipped.
SHIPPED: Final = ("si001_alkyne", "perovskite")
DEFAULT: Final = "si001_alkyne"


@dataclass(frozen=True)
class ChemistryFile:
    """What a chemistry file says, before a molecule is known.

    :param groups: rules for the reactive groups; none means: the molecule's double and triple bonds between carbons.
    """

    catalogue: tuple[Mode, ...]
    source: str = ""
    groups: tuple[GroupRule, ...] = ()
    bonds: BondRule = BondRule()

    def __post_init__(self) -> None:
        check_catalogue(self.catalogue)
        for pair in (*self.bonds.pairs, *self.bonds.contacts):
            pair_numbers(pair)


def load_catalogue(name: str | Path = DEFAULT) -> tuple[Mode, ...]:
    """The catalogue of a chemistry file, by the name of a shipped one or a path.

    The default: nine binding modes and four unproductive ends ([W] Fig. 4, section 3.2).

    :raises RefusedError: when there is no such file, or it is faulty.
    """
    return load_chemistry(name).catalogue


def load_chemistry(name: str | Path = DEFAULT) -> ChemistryFile:
    """A chemistry file, by the name of a shipped one or a path.

    :raises RefusedError: when there is no such file, or it is faulty.
    """
    if name in SHIPPED:
        return parse_chemistry(files(__package__).joinpath("catalogues", f"{name}.yaml").read_text(encoding="utf-8"))
    path = Path(name)
    if not path.is_file():
        raise RefusedError(f"no chemistry file {str(name)!r}. Shipped are {', '.join(SHIPPED)}; else give a path.")
    return parse_chemistry(path.read_text(encoding="utf-8"))


def parse_chemistry(text: str) -> ChemistryFile:
    """Read a chemistry file: a mapping with ``catalogue`` and perhaps ``source``, ``groups``, ``bonds``.

    A bare list of modes is a catalogue alone.

    :raises RefusedError: when it is no YAML, a key is unknown, or a row cannot work.
    """
    data = read_yaml(text, "the chemistry file")
    return load(ChemistryFile, {"catalogue": data} if isinstance(data, list) else data, "chemistry")


def complete_chemistry(
    given: str | Path | Mapping[str, Any], numbers: Ints, positions: Floats, where: str = "chemistry"
) -> Chemistry:
    """A chemistry written out in full for one molecule.

    :param given: a file's name or path; or fields ``groups``, ``bonds``, ``catalogue``, ``source`` that take the place
        of those of the ``file`` named beside them (default: the shipped one for alkynes and alkenes on Si(001)).
    :param numbers: (n,), atomic numbers of the molecule.
    :param positions: (n, 3), Å, the molecule in one piece.
    :param where: how messages call the place of ``given``.
    :raises RefusedError: naming what does not fit.
    """
    fields = dict(given) if isinstance(given, Mapping) else {"file": str(given)}
    base = load_chemistry(fields.pop("file", DEFAULT))
    whole = load(ChemistryFile, {**dump(base), **fields}, where)
    if whole.groups:
        groups = find_patterns(whole.groups, numbers, positions, whole.bonds)
    else:
        groups = find_groups(numbers, positions, whole.bonds)
    return Chemistry(groups, whole.catalogue, whole.bonds, whole.source)
