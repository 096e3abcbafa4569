"""The only package that imports mace: load, rebuild, store, predict, describe, train.

Importing mace switches torch's safe loading off for the whole process (it sets an environment variable), so this
package sets it back at once: a bare ``torch.load`` stays a refused one.
"""

from __future__ import annotations

import warnings

from .loading import pickles_stay_refused

with warnings.catch_warnings(), pickles_stay_refused():
    warnings.simplefilter("ignore")  # e3nn 0.4.4 and mace warn at import time about their own code
    import mace.calculators  # noqa: F401

from .descriptors import descriptors
from .predict import calculator, predict
from .store import load_model, save_model

__all__ = ["calculator", "descriptors", "load_model", "predict", "save_model"]
