"""One figure per file; each ``plate`` takes what it shows and gives a Plate, or None if there is nothing to see."""
