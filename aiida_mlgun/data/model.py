"""``ModelData``: a MACE model as weights (safetensors) and JSON; never unpickled here."""

from __future__ import annotations

import hashlib
import io
import json
import math
import struct
from pathlib import Path
from typing import Any

from aiida.common.exceptions import ValidationError
from aiida.orm.pydantic import OrmMetadataField
from ase.data import chemical_symbols

from ..contract import files
from ..contract.errors import RefusedError
from .content import ContentData

TRUST = ("safe", "pinned", "user")
MAX_HEADER = 100_000_000  # bytes; the format's own limit (safetensors' format document)
MAX_NAME = 255  # characters of a name, which becomes the node's label

#: Bytes per number of each type that safetensors knows.
WIDTHS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64"), 8),
}


class ModelData(ContentData):
    """The three files of a stored model and what one queries for.

    ``trust`` says how it came in: ``safe`` (weights and JSON from the start), ``pinned`` (an official model by
    name, whose pickle had the sha256 that was asked for), ``user`` (any other pickle that the user trusted).
    """

    class AttributesModel(ContentData.AttributesModel):
        """Queryable columns."""

        name: str = OrmMetadataField(description="Name for people", read_only=True)
        elements: list[str] = OrmMetadataField(description="Chemical symbols the model knows", read_only=True)
        r_max: float = OrmMetadataField(description="Cutoff radius in Å", read_only=True)
        n_parameters: int = OrmMetadataField(description="Number of stored weights", read_only=True)
        content_hash: str = OrmMetadataField(description="sha256 of weights and configuration", read_only=True)

    def __init__(
        self, contents: dict[str, bytes] | None = None, card: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Hold the files ``weights.safetensors``, ``config.json``, ``probe.json``.

        :param card: ``name``, ``licence``, ``level``, ``trust`` and whatever else the model's card says (JSON).
        :raises RefusedError: a file is missing or is not what its name says.
        """
        super().__init__(**kwargs)
        if contents is None:
            return
        for name in files.MODEL_FILES:
            if name not in contents:
                raise RefusedError(f"the model lacks its file {name}.")
            self.base.repository.put_object_from_filelike(io.BytesIO(contents[name]), name)
        self.base.attributes.set_many(describe(contents, card or {}))

    @classmethod
    def from_folder(cls, folder: Path, card: dict[str, Any] | None = None) -> ModelData:
        """Read the three files, and ``card.json`` beside them if there is one (``card`` wins over it).

        :raises RefusedError: no such folder, or it holds no stored model.
        """
        if not folder.is_dir():
            raise RefusedError(f"{folder}: there is no such folder.")
        missing = [name for name in files.MODEL_FILES if not (folder / name).is_file()]
        if missing:
            raise RefusedError(f"{folder}: no stored model, {missing[0]} is missing.")
        beside = folder / "card.json"
        found = _json({"card.json": beside.read_bytes()}, "card.json") if beside.is_file() else {"name": folder.name}
        return cls({name: (folder / name).read_bytes() for name in files.MODEL_FILES}, {**found, **(card or {})})

    def _validate(self) -> bool:
        super()._validate()
        missing = set(files.MODEL_FILES) - set(self.base.repository.list_object_names())
        if missing:
            raise ValidationError(f"ModelData lacks {', '.join(sorted(missing))}: build it with ModelData(contents).")
        return True

    @property
    def name(self) -> str:
        """Name for people."""
        return str(self.base.attributes.get("name"))

    @property
    def elements(self) -> list[str]:
        """Chemical symbols the model knows."""
        return list(self.base.attributes.get("elements"))

    @property
    def r_max(self) -> float:
        """Cutoff radius, Å."""
        return float(self.base.attributes.get("r_max"))

    @property
    def card(self) -> dict[str, Any]:
        """What the model's card says."""
        return dict(self.base.attributes.get("card"))

    def check_covers(self, symbols: list[str], what: str) -> None:
        """Refuse ``symbols`` the model does not know; ``what`` names their owner in the sentence."""
        unknown = [s for s in symbols if s not in self.elements]
        if unknown:
            raise RefusedError(
                f"{what} holds {', '.join(unknown)}, which the model {self.name!r} does not know "
                f"(it knows {', '.join(self.elements)}). Choose a model that covers it, or train one."
            )


def describe(contents: dict[str, bytes], card: dict[str, Any]) -> dict[str, Any]:
    """The queryable attributes of a stored model."""
    config = _json(contents, files.MODEL_CONFIG)
    _json(contents, files.MODEL_PROBE)
    tensors = tensor_table(contents[files.MODEL_WEIGHTS])
    trust = card.get("trust", "safe")
    if trust not in TRUST:
        raise RefusedError(f"a model's trust is one of {', '.join(TRUST)}, not {trust!r}.")
    defaults = {"name": "unnamed", "licence": "unknown", "level": "unknown"}
    texts = {key: _text(card, key, default) for key, default in defaults.items()}
    try:
        numbers = [int(z) for z in config["atomic_numbers"]]
        e0s = [_finite(v) for v in _flat(config["atomic_energies"])][-len(numbers) :]
        return {
            **texts,
            "model_class": config["model_class"],
            "elements": [_symbol(z) for z in numbers],
            "r_max": _finite(config["r_max"], positive=True),
            "n_interactions": int(config["num_interactions"]),
            "hidden_irreps": str(config["hidden_irreps"]),
            "heads": list(config["heads"]),
            "dtype": config["dtype"],
            "n_parameters": sum(table["size"] for table in tensors.values()),
            "e0s": {_symbol(z): v for z, v in zip(numbers, e0s, strict=True)},
            "trust": trust,
            "card": card,
            "content_hash": content_hash(contents),
        }
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise RefusedError(f"{files.MODEL_CONFIG} is not the configuration of a stored model ({error}).") from error


def content_hash(contents: dict[str, bytes]) -> str:
    """sha256 over the tensors, sorted by name, and the canonical JSON configuration."""
    digest = hashlib.sha256(b"mlgun.model.1")
    config = _json(contents, files.MODEL_CONFIG)
    digest.update(json.dumps(config, sort_keys=True, separators=(",", ":")).encode())
    for name, table in sorted(tensor_table(contents[files.MODEL_WEIGHTS]).items()):
        digest.update(f"{name}|{table['dtype']}|{table['shape']}|".encode())
        digest.update(table["bytes"])
    return digest.hexdigest()


def tensor_table(content: bytes) -> dict[str, dict[str, Any]]:
    """Name → dtype, shape, size and bytes, read from safetensors without any library that runs code.

    The format: eight bytes with the header's length, a JSON header, the raw tensors (safetensors' format document).

    :raises RefusedError: when the bytes are no safetensors file, or its tensors overlap or leave holes.
    """
    try:
        (length,) = struct.unpack("<Q", content[:8])
        if length > len(content) - 8:
            raise ValueError("the header is longer than the file")
        if length > MAX_HEADER:
            raise ValueError(f"the header is longer than {MAX_HEADER // 10**6} MB")
        header = json.loads(content[8 : 8 + length])
        if not isinstance(header, dict):
            raise ValueError("the header is no mapping")
        body = memoryview(content)[8 + length :]
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        tensors = {name: _tensor(name, entry, body) for name, entry in entries.items()}
        _check_layout(sorted(entry["data_offsets"] for entry in entries.values()), len(body))
        return tensors
    except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RefusedError(f"{files.MODEL_WEIGHTS} is no safetensors file ({error}).") from error


def _tensor(name: str, entry: Any, body: memoryview) -> dict[str, Any]:
    shape, (start, end) = entry["shape"], entry["data_offsets"]
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in [*shape, start, end]):
        raise ValueError(f"tensor {name}: shape and offsets are no whole numbers")
    if not start <= end <= len(body):
        raise ValueError(f"tensor {name} lies outside the file")
    size = math.prod(shape)
    if size * WIDTHS[entry["dtype"]] != end - start:
        raise ValueError(f"tensor {name}: its shape does not fit its bytes")
    return {"dtype": entry["dtype"], "shape": shape, "size": size, "bytes": body[start:end]}


def _check_layout(spans: list[list[int]], size: int) -> None:
    """One tensor after the other: bytes that two share, or none has, are not what was trained."""
    end = 0
    for start, stop in spans:
        if start != end:
            raise ValueError("tensors overlap" if start < end else "bytes belong to no tensor")
        end = stop
    if end != size:
        raise ValueError("bytes belong to no tensor")


def _json(contents: dict[str, bytes], name: str) -> dict[str, Any]:
    try:
        data = json.loads(contents[name], parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{name} is not JSON ({error}).") from error
    if not isinstance(data, dict):
        raise RefusedError(f"{name} must hold a mapping.")
    return data


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _finite(value: Any, positive: bool = False) -> float:
    number = float(value)
    if not math.isfinite(number) or (positive and number <= 0):
        raise ValueError(f"{value!r} is no {'positive ' if positive else ''}finite number")
    return number


def _text(card: dict[str, Any], key: str, default: str) -> str:
    """A line of the card, for terminals and pages."""
    text = str(card.get(key, default))
    if not text.isprintable() or not 0 < len(text) <= MAX_NAME:
        raise RefusedError(
            f"the model's {key} must be one line of 1 to {MAX_NAME} printable characters, not {text[:40]!r}."
        )
    return text


def _symbol(z: int) -> str:
    if not 0 < z < len(chemical_symbols):
        raise ValueError(f"{z} is no atomic number")
    return chemical_symbols[z]


def _flat(value: Any) -> list[Any]:
    return [item for part in value for item in _flat(part)] if isinstance(value, list) else [value]
