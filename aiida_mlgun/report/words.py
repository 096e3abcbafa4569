"""Names as people read them, numbers as sentences say them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from ase.data import chemical_symbols
from ase.formula import Formula

if TYPE_CHECKING:
    from .inputs import Ensemble

_WORDS: Final = {"on_top": "on-top", "h_abstraction": "H abstraction", "backbone_broken": "backbone broken"}
_FILTERS: Final = {
    "without_labels": "label missing or not finite",
    "unconverged": "reference not converged",
    "duplicates": "duplicate",
    "too_close": "atoms too close",
    "bond_fission": "unphysical bond fission",
    "above_force": "force too large",
    "energy_outliers": "energy outlier",
    "keep_every": "thinned",
    "strays": "atom far outside the cell",
    "conflicting_labels": "contradicting energies",
    "near_duplicates": "nearly a duplicate",
}
_STRATEGIES: Final = {"zero_shot": "zero-shot", "scratch": "from scratch", "finetuned": "fine-tuned"}
_SUPERSCRIPTS: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUBSCRIPTS: Final = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def label(name: str) -> str:
    """``on_top CC0`` → ``on-top CC0``; ``sublayer_double`` → ``sublayer double``."""
    mode, _, group = name.partition(" ")
    return " ".join(part for part in (_WORDS.get(mode, mode.replace("_", " ")), group) if part)


def filter_label(name: str) -> str:
    """What a filter of the curation drops, for reading."""
    return _FILTERS.get(name, label(name))


def strategy_label(name: str) -> str:
    """``finetuned`` → ``fine-tuned``; names that are none of ours stay."""
    return _STRATEGIES.get(name, name.replace("_", " "))


def group_label(name: str) -> str:
    """``element:Si`` → ``Si atoms``; a stratum as it is."""
    kind, _, symbol = name.partition(":")
    return f"{symbol} atoms" if kind == "element" else stratum_label(symbol if kind == "stratum" else name)


def stratum_label(name: str) -> str:
    """Frames without a tag have a name, too."""
    return name.replace("_", " ") or "untagged"


def verb(n: int, one: str, many: str) -> str:
    """The form for ``n``: stands, stand."""
    return one if n == 1 else many


def percent(share: float) -> str:
    """``0.714`` → ``71 %``; shares below 1 % and above 99 % get a decimal, and only 0 and 1 are written as such."""
    value = 100.0 * share
    if value in (0.0, 100.0) or 1.0 <= value <= 99.0:
        return f"{value:.0f} %"
    if 0.0 < value < 0.05:
        return "< 0.1 %"
    return "> 99.9 %" if 99.95 <= value < 100.0 else f"{value:.1f} %"


def interval(low: float, high: float) -> str:
    """``48–87 %``."""
    return f"{percent(low).removesuffix(' %')}–{percent(high)}"


def count(n: int, noun: str) -> str:
    """``1 shot``, ``2 shots``, ``13 000 shots``."""
    return f"{big(n)} {noun}" if n == 1 else f"{big(n)} {noun}s"


def big(n: int) -> str:
    """``327 000``: thousands apart by a narrow space that does not break."""
    return f"{n:,}".replace(",", "\u202f")


def scientific(value: float) -> str:
    """Two significant digits: ``4.3``, ``25``; below 0.1 and from 1000 on with a power of ten: ``2.2 × 10⁻⁴``."""
    if value == 0 or 0.1 <= abs(value) < 1000:
        return f"{value:.0f}" if abs(value) >= 9.95 else f"{value:#.2g}"
    digits, power = f"{value:.1e}".split("e")
    return f"{digits} × 10{str(int(power)).translate(_SUPERSCRIPTS)}"


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def subscripted(name: str) -> str:
    """``Si16H8`` → ``Si₁₆H₈``."""
    return name.translate(_SUBSCRIPTS)


def time_text(fs: float) -> str:
    """Femtoseconds up to 1000, then picoseconds."""
    return f"{fs:.0f} fs" if abs(fs) < 1000 else f"{fs / 1000:.2f} ps"


def formula(ensemble: Ensemble) -> str:
    """The molecule's formula with subscripts, or ``the molecule`` if the arrays do not tell."""
    if not ensemble.has("numbers", "n_slab"):
        return "the molecule"
    numbers = np.asarray(ensemble.arrays["numbers"])[ensemble.n_slab :]
    return subscripted(plain_formula(numbers)) if len(numbers) else "the molecule"


def plain_formula(numbers: Any) -> str:
    """Hill order: C2H2."""
    return str(Formula.from_list([chemical_symbols[int(z)] for z in numbers]).format("hill"))


def finite(values: Any) -> Any:
    """The finite ones of (n,) values."""
    array = np.asarray(values, dtype=np.float64)
    return array[np.isfinite(array)]
