"""Batched NVE dynamics of many shots that share atoms and cell.  Units: Å, fs, eV, eV/Å, u; state in float64 always.

``evaluator`` says what turns positions into energies and forces, ``evaluators`` do it, ``integrator`` moves one step,
``segment`` some of them, ``flight`` keeps the books of one shot, ``batch`` and ``runner`` keep ``width`` of them in the
air, ``snapshot`` and ``checkpoint`` remember where they are.  Nothing here knows what a bond or a mode is.
"""
