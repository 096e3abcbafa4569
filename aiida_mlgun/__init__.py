"""aiida-mlgun: from raw reference data to how a molecule binds to a surface, with provenance.

Two machines share this package.  ``contract``, ``science`` and ``remote`` run where the GPU is and never import
AiiDA; ``data``, ``calculations``, ``parsers``, ``workflows``, ``queries`` and ``cli`` run on the workstation and never
import torch.  Questions to the profile can be asked from here: ``aiida_mlgun.query_shots(mode="on_top")``.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

#: Name → module of what is offered here; read when first asked for, since the compute machine has no AiiDA.
_OFFERED = {
    "ShotsQuery": "queries.shots",
    "judge_batch": "workflows.functions.reclassify",
    "judge_campaign": "workflows.functions.reclassify",
    "query_shots": "queries.shots",
    "trace": "queries.trace",
}


def __getattr__(name: str) -> Any:
    if name not in _OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_OFFERED[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_OFFERED]
