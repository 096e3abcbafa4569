"""Inputs by protocol, with overrides that must be known."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any, ClassVar

import yaml

from ...contract.errors import RefusedError
from ..steady import SteadyMixin


class ProtocolMixin(SteadyMixin):
    """WorkChains with a YAML of protocols; subclasses name the file and check the merged inputs.

    All of them submit parts, and all have to outlive a broker that is away for a while.
    """

    PROTOCOL_FILE: ClassVar[str]

    @classmethod
    def get_available_protocols(cls) -> dict[str, str]:
        """Protocol → what it is for."""
        return {name: entry["description"] for name, entry in cls._load()["protocols"].items()}

    @classmethod
    def get_default_protocol(cls) -> str:
        """The protocol that is used when none is named."""
        return str(cls._load()["default_protocol"])

    @classmethod
    def get_protocol_inputs(
        cls, protocol: str | None = None, overrides: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The YAML's ``default_inputs``, then the protocol's, then ``overrides``, merged key by key.

        :raises RefusedError: unknown protocol.  Unknown keys are refused by the parameters' own check.
        """
        data = cls._load()
        name = protocol or data["default_protocol"]
        if name not in data["protocols"]:
            raise RefusedError(f"unknown protocol {name!r}. Known: {', '.join(data['protocols'])}.")
        chosen = {key: value for key, value in data["protocols"][name].items() if key != "description"}
        return merged(merged(data["default_inputs"], chosen), overrides or {})

    @classmethod
    def _load(cls) -> dict[str, Any]:
        text = resources.files(__package__).joinpath(cls.PROTOCOL_FILE).read_text(encoding="utf-8")
        data: dict[str, Any] = yaml.safe_load(text)
        return data


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``; mappings merge, everything else is replaced."""
    out = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = merged(out[key], value) if both else value
    return out
