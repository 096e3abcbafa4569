"""A node whose identity is its content: equal content, equal hash, whatever it was called and wherever it came from."""

from __future__ import annotations

from typing import Any

from aiida.orm import Data
from aiida.orm.nodes.caching import NodeCaching


class ContentCaching(NodeCaching):
    """Hash the class and the attribute ``content_hash`` alone."""

    def get_objects_to_hash(self) -> dict[str, Any]:
        """What the node's hash is made of."""
        return {"class": str(self._node.__class__), "content": self._node.base.attributes.get("content_hash")}


class ContentData(Data):
    """Base of the package's data nodes: attribute ``content_hash``, files in the repository under constant names."""

    _CLS_NODE_CACHING = ContentCaching

    @property
    def content_hash(self) -> str:
        """Hexadecimal sha256 of the content."""
        return str(self.base.attributes.get("content_hash"))

    def read_bytes(self, name: str) -> bytes:
        """The bytes of a repository file."""
        with self.base.repository.open(name, "rb") as handle:
            content: bytes = handle.read()
        return content
