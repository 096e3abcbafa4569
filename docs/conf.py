"""Sphinx configuration: ``sphinx-build docs docs/_build`` with the extra ``docs`` installed."""

from aiida_mlgun import __version__

project = "aiida-mlgun"
author = "The aiida-mlgun developers"
release = __version__
extensions = ["myst_parser"]
html_theme = "furo"
exclude_patterns = ["_build"]
