"""One parser per verb: the manifest and its files become nodes and an exit code."""
