"""Which data made this outcome?  The provenance of shots upwards, as a tree and as a list of origins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from aiida import orm
from aiida.common.links import LinkType

from ..data.shots import COLUMNS, ShotsData
from ..science.shot_arrays import row_of
from .describing import facts, files_of, licence, sentence

#: Inputs that are no data of science: the program, and values without a history, which stand as settings.
_PLAIN: Final = (orm.Code, orm.Dict, orm.List, orm.Str, orm.Int, orm.Float, orm.Bool)
_LIMIT: Final = 8  # inputs of one kind and process that the terminal shows
_INPUTS: Final = (LinkType.INPUT_CALC, LinkType.INPUT_WORK)


@dataclass(frozen=True)
class Trace:
    """Where something comes from.

    :param tree: ``kind``, ``pk``, ``uuid``, ``label``, ``role`` (its link), ``facts``, ``licence``, ``files``, ``seen``
        (its own origins are told elsewhere in the tree) and ``from``, the same of what it was made from; JSON.
    """

    tree: dict[str, Any]

    def entries(self) -> Iterator[dict[str, Any]]:
        """Every node once, downwards."""
        waiting = [self.tree]
        while waiting:
            entry = waiting.pop()
            if not entry["seen"]:
                yield entry
            waiting += reversed(entry["from"])

    def origins(self) -> list[dict[str, Any]]:
        """What was not made here: raw frames, imported models, structures; one row per file where files are known.

        Columns: ``kind``, ``pk``, ``uuid``, ``what``, ``n_frames``, ``sha256``, ``licence`` (None: not stated).
        """
        rows = []
        for entry in self.entries():
            if entry["from"] and not (entry["is_process"] and entry["files"]):
                continue
            row = {name: entry[name] for name in ("kind", "pk", "uuid", "licence")}
            for file in entry["files"]:
                rows.append(
                    {**row, "what": file["name"], "n_frames": file.get("n_frames"), "sha256": file.get("sha256")}
                )
            if not entry["files"] and not entry["is_process"]:
                told = entry["facts"]
                what = entry["label"] or told.get("name") or told.get("formula") or told.get("file") or entry["kind"]
                rows.append({**row, "what": what, "n_frames": told.get("n_frames"), "sha256": told.get("content_hash")})
        return rows

    def lines(self) -> list[str]:
        """The tree for the terminal."""
        return [_title(self.tree), *_lines(self.tree, "")]


def trace(shots: ShotsData, shot: int | None = None) -> Trace:
    """The job, start states, model, training, data and files behind a batch of shots, or behind one of its shots.

    :param shot: number of the shot; its row of the table then stands in the facts.
    :raises RefusedError: when the batch does not hold that shot.
    """
    tree = behind(shots).tree
    if shot is not None:
        arrays = shots.arrays()
        row = row_of(arrays, shot)
        tree["facts"]["shot"] = {name: _plain(arrays[name][row]) for name in COLUMNS}
    return Trace(tree)


def behind(*nodes: orm.Node) -> Trace:
    """The provenance of some nodes upwards; of several, under a root of its own."""
    seen: set[int] = set()
    found = [_entry(node, "", seen) for node in nodes]
    if len(found) == 1:
        return Trace(found[0])
    empty: dict[str, Any] = dict.fromkeys(("pk", "uuid", "licence"))
    root = {"kind": "nodes", "label": "", "role": "", "facts": {}, "files": [], "is_process": True, "seen": False}
    return Trace({**empty, **root, "from": found})


def _entry(node: orm.Node, role: str, seen: set[int]) -> dict[str, Any]:
    assert node.pk is not None
    process = isinstance(node, orm.ProcessNode)
    again = node.pk in seen
    seen.add(node.pk)
    return {
        "kind": (node.process_label if process else None) or type(node).__name__,
        "pk": node.pk,
        "uuid": node.uuid,
        "label": node.label,
        "role": role,
        "facts": facts(node),
        "licence": None if process else licence(node),
        "files": files_of(node),
        "is_process": process,
        "seen": again,
        "from": [] if again else [_entry(above, label, seen) for label, above in _above(node)],
    }


def _above(node: orm.Node) -> list[tuple[str, orm.Node]]:
    """What a node was made from: the process of a data node, the data of a process, in the order of their labels."""
    if not isinstance(node, orm.ProcessNode):
        creator = node.creator
        return [] if creator is None else [("made by", creator)]
    found = []
    for entry in node.base.links.get_incoming(link_type=_INPUTS).all():
        if isinstance(entry.node, orm.AbstractCode) or (isinstance(entry.node, _PLAIN) and entry.node.creator is None):
            continue
        found.append((entry.link_label, entry.node))
    return sorted(found, key=lambda pair: pair[0])


def _title(entry: dict[str, Any]) -> str:
    role = f"{entry['role']}: " if entry["role"] not in ("", "made by") else ""
    label = f" {entry['label']!r}" if entry["label"] and entry["label"] != entry["facts"].get("name") else ""
    told = "(above)" if entry["seen"] else sentence(entry)
    number = "" if entry["pk"] is None else f"<{entry['pk']}>"
    return " ".join(filter(None, (f"{role}{entry['kind']}{number}{label}", told)))


def _lines(entry: dict[str, Any], indent: str) -> list[str]:
    parts: list[tuple[str, dict[str, Any] | None]] = []
    if "shot" in entry["facts"]:
        parts.append((_shot(entry["facts"]["shot"]), None))
    for file in entry["files"]:
        frames = f", {file['n_frames']} frames" if "n_frames" in file else ""
        parts.append((f"file {file['name']}{frames}, sha256 {str(file.get('sha256', ''))[:16]}", None))
    kinds: Counter[str] = Counter()
    for child in entry["from"]:
        kinds[child["kind"]] += 1
        if kinds[child["kind"]] <= _LIMIT:
            parts.append((_title(child), child))
    parts += [(f"… and {n - _LIMIT} more {kind}", None) for kind, n in kinds.items() if n > _LIMIT]
    lines = []
    for i, (title, child) in enumerate(parts):
        last = i == len(parts) - 1
        lines.append(f"{indent}{'└─ ' if last else '├─ '}{title}")
        if child is not None:
            lines += _lines(child, indent + ("   " if last else "│  "))
    return lines


def _shot(row: dict[str, Any]) -> str:
    times = ", ".join(
        f"{word} {row[name]:.1f} fs"
        for word, name in (("contact", "contact_fs"), ("bond", "bond_fs"), ("end", "end_fs"))
        if row[name] is not None
    )
    states = f"slab state {row['slab_state']}, molecule state {row['molecule_state']}"
    return f"shot {row['shot']}: {row['outcome']} ({row['reason']}); {times}; {states}; seed {row['seed']}"


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and value != value else value
