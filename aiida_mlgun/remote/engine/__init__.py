"""Batched NVE dynamics of many shots that share atoms and cell.  Units: Å, fs, eV, eV/Å, u; state in float64 always.

``evaluator`` turns positions into energies and forces, ``integrator`` moves one step, ``flight`` keeps the books of one
shot, ``runner`` keeps a fixed number of them in the air.  Nothing here knows what a bond or a mode is.
"""
