"""Who moves atoms: torch (the reference), faster programs for the same models, committees; and who chooses."""

from .choose import make_evaluator
from .committee import Committee
from .factorised import FactorisedMace
from .symmetrix import SymmetrixMace
from .system import SKIN, System
from .torch_mace import TorchMace

__all__ = ["SKIN", "Committee", "FactorisedMace", "SymmetrixMace", "System", "TorchMace", "make_evaluator"]
