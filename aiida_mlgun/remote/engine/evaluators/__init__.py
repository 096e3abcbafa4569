"""Who moves atoms: torch (the reference), faster programs for the same models, committees; and who chooses."""

from .choose import make_evaluator
from .committee import Committee
from .symmetrix import SymmetrixMace
from .system import SKIN, System
from .torch_mace import TorchMace

__all__ = ["SKIN", "Committee", "SymmetrixMace", "System", "TorchMace", "make_evaluator"]
