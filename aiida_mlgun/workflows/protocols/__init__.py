"""Default inputs by protocol: one YAML per WorkChain, numbers with their sources."""

from .mixin import ProtocolMixin

__all__ = ["ProtocolMixin"]
