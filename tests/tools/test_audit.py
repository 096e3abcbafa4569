"""The audit asks a real HTTP server; what it does not know it never takes for clean."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

AUDIT = Path(__file__).parents[2] / "tools" / "audit.py"
BAD = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fixed_in": ["2.1"], "summary": "runs\nwhat it is given"}
ANSWERS = {
    "/clean/1.0/json": {"vulnerabilities": []},
    "/bad/2.0/json": {"vulnerabilities": [BAD]},
    "/withdrawn/1.0/json": {"vulnerabilities": [BAD | {"withdrawn": "2020-01-01"}]},
    "/silent/1.0/json": {"info": {}},
    "/list/1.0/json": [],
}


class Index(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = ANSWERS.get(self.path)
        self.send_response(404 if found is None and self.path != "/html/1.0/json" else 200)
        self.end_headers()
        self.wfile.write(b"<html>" if found is None else json.dumps(found).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def audit(folder: Path, text: str, index: str) -> tuple[int, str]:
    path = folder / "constraints.txt"
    path.write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, str(AUDIT), str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment | {"AUDIT_INDEX": index},
    )
    return done.returncode, done.stdout + done.stderr


def test_clean_versions(index: str, tmp_path: Path) -> None:
    assert audit(tmp_path, "# why\nclean==1.0\nwithdrawn==1.0  # known\n\n", index) == (
        0,
        "audit: versions=2 vulnerable=0 not_looked_up=0\n",
    )


def test_a_vulnerable_version_is_named_with_its_cure(index: str, tmp_path: Path) -> None:
    code, said = audit(tmp_path, "clean==1.0\nbad==2.0\nnone==1.0\n", index)
    assert code == 1
    assert "VULNERABLE bad 2.0: PYSEC-1/CVE-1: fixed in 2.1. runs what it is given\n" in said
    assert said.endswith("audit: versions=3 vulnerable=1 not_looked_up=1\n")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none", "404"), ("silent", "no field vulnerabilities"), ("list", "no field"), ("html", "Expecting value")],
)
def test_what_nobody_said_is_not_clean(name: str, reason: str, index: str, tmp_path: Path) -> None:
    code, said = audit(tmp_path, f"clean==1.0\n{name}==1.0\n", index)
    assert code == 2
    assert f"NOT LOOKED UP {name} 1.0: " in said
    assert reason in said


def test_an_index_that_cannot_be_reached(tmp_path: Path) -> None:
    code, said = audit(tmp_path, "clean==1.0\n", "http://127.0.0.1:9")
    assert code == 2
    assert "NOT LOOKED UP clean 1.0: " in said


@pytest.mark.parametrize("text", ["", "torch>=2\n", "torch\n", "-r other.txt\n", "a==1; python_version<'3'\n"])
def test_lines_that_pin_nothing_are_named(text: str, index: str, tmp_path: Path) -> None:
    code, said = audit(tmp_path, text, index)
    assert code == 2
    assert "pins nothing" in said or "line 1: " in said


def test_the_project_s_own_list_can_be_read() -> None:
    sys.path.insert(0, str(AUDIT.parent))
    try:
        from audit import pins
    finally:
        sys.path.pop(0)
    found = dict(pins((AUDIT.parents[1] / "constraints.txt").read_text(encoding="utf-8")))
    assert found["torch"] == "2.13.0"
    assert len(found) > 150
