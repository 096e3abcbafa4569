"""aiida-mlgun: from raw reference data to how a molecule binds to a surface, with provenance.

Two machines share this package.  ``contract``, ``science`` and ``remote`` run where the GPU is and never import
AiiDA; ``data``, ``calculations``, ``parsers``, ``workflows`` and ``cli`` run on the workstation and never import torch.
"""

__version__ = "0.1.0"
