#!/usr/bin/env python3
"""Ask the package index for known vulnerabilities of all pinned versions; standard library alone.

``tools/audit.py [CONSTRAINTS]`` reads lines ``name==version`` (``constraints.txt`` of the project by default) and the
index's JSON (``https://pypi.org/pypi/NAME/VERSION/json``, field ``vulnerabilities``; another index: ``AUDIT_INDEX``).

Exit code 0: every pinned version was looked up and none is known to be vulnerable.  1: some are; they stand above.
2: at least one could not be looked up, so nothing is known of it.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INDEX = "https://pypi.org/pypi"
TIMEOUT = 20.0  # s, of one question
AT_ONCE = 8
CLEAN, VULNERABLE, UNKNOWN = 0, 1, 2
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9.!+_-]*)")


@dataclass(frozen=True)
class Answer:
    """What the index says of one version; ``vulnerabilities`` None: it did not say."""

    name: str
    version: str
    vulnerabilities: tuple[str, ...] | None
    reason: str = ""


def pins(text: str) -> list[tuple[str, str]]:
    """Names and versions.

    :raises ValueError: for a line that pins nothing, by its number.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not (wanted := line.partition("#")[0].strip()):
            continue
        if (pin := _PIN.fullmatch(wanted)) is None:
            raise ValueError(f"line {number}: {wanted!r} is no name==version")
        found.append((pin[1], pin[2]))
    if not found:
        raise ValueError("it pins nothing")
    return found


def ask(name: str, version: str, index: str) -> Answer:
    """One question to the index."""
    try:
        with urllib.request.urlopen(f"{index}/{name}/{version}/json", timeout=TIMEOUT) as reply:
            data = json.load(reply)
    except (OSError, ValueError) as error:  # no connection, another status than 200, no JSON
        return Answer(name, version, None, " ".join(str(error).split()))
    entries = data.get("vulnerabilities") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        return Answer(name, version, None, "the index's answer has no field vulnerabilities")
    return Answer(name, version, tuple(_told(entry) for entry in entries if not entry.get("withdrawn")))


def _told(entry: dict[str, Any]) -> str:
    names = "/".join([str(entry.get("id", "unnamed")), *map(str, entry.get("aliases") or [])])
    fixed = ", ".join(map(str, entry.get("fixed_in") or [])) or "no version yet"
    summary = " ".join(str(entry.get("summary") or entry.get("details") or "").split())[:120]
    return f"{names}: fixed in {fixed}. {summary}"


def lines(answers: list[Answer]) -> Iterator[str]:
    """The report."""
    for answer in answers:
        for vulnerability in answer.vulnerabilities or ():
            yield f"VULNERABLE {answer.name} {answer.version}: {vulnerability}"
    unknown = [answer for answer in answers if answer.vulnerabilities is None]
    for reason in dict.fromkeys(answer.reason for answer in unknown):
        names = [f"{a.name} {a.version}" for a in unknown if a.reason == reason]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield f"NOT LOOKED UP {', '.join(names[:3])}{more}: {reason}"
    bad = sum(bool(answer.vulnerabilities) for answer in answers)
    yield f"audit: versions={len(answers)} vulnerable={bad} not_looked_up={len(unknown)}"


def main(arguments: list[str]) -> int:
    """Look up all pins; the exit code says how it went."""
    path = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[1] / "constraints.txt"
    index = os.environ.get("AUDIT_INDEX", INDEX).rstrip("/")
    try:
        wanted = pins(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"audit: {path}: {error}", file=sys.stderr)
        return UNKNOWN
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda pin: ask(pin[0], pin[1], index), wanted))
    print("\n".join(lines(answers)))
    if any(answer.vulnerabilities for answer in answers):
        return VULNERABLE
    return UNKNOWN if any(answer.vulnerabilities is None for answer in answers) else CLEAN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
