"""One figure per file; each takes what it shows and gives a :class:`~.plate.Plate`, or None if there is nothing to see."""
