"""Pure functions over arrays: no files, nodes, devices or globals.  Units: Å, fs, eV, eV/Å, u, K."""
