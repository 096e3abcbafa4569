"""A real Chromium that opens a page, runs it, and writes down whom it wanted to talk to."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Seconds of the page's own time, in which it may do what it likes, and of ours.
PAGE_MS = 8000
LIMIT_S = 240
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
)


@dataclass(frozen=True)
class Visit:
    """What came of opening a page.

    :param html: the document after its scripts have run.
    :param asked: the first line of every request that left the browser for a network; the browser has some of its own.
    :param picture: the screenshot.
    """

    html: str
    asked: list[str]
    picture: Path

    @property
    def asked_by_page(self) -> list[str]:
        """Those to hosts that the document names, which the browser's own requests go past."""
        hosts = set(re.findall(r"https?://([a-z0-9.-]+)", self.html))
        return [line for line in self.asked if any(host in line for host in hosts)]

    def attribute(self, element: str, name: str) -> str | None:
        """The attribute of the element with this id."""
        tag = re.search(rf'<[a-z]+[^>]*\bid="{element}"[^>]*>', self.html)
        found = re.search(rf'\b{name}="([^"]*)"', tag.group(0)) if tag else None
        return found.group(1) if found else None


def chromium() -> str | None:
    """The program, None if it is not installed."""
    return next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)


def visit(page: Path, folder: Path, width: int = 1000, height: int = 3000) -> Visit:
    """Open ``page``; every network is a proxy of ours that answers nothing and remembers."""
    program = chromium()
    assert program is not None
    picture = folder / "page.png"
    with _recorder() as (port, asked):
        shared = [program, *FLAGS, f"--proxy-server=127.0.0.1:{port}", f"--window-size={width},{height}"]
        shared.append(f"--virtual-time-budget={PAGE_MS}")
        _run([*shared, f"--user-data-dir={folder / 'a'}", f"--screenshot={picture}", page.as_uri()])
        html = _run([*shared, f"--user-data-dir={folder / 'b'}", "--dump-dom", page.as_uri()])
    return Visit(html, asked, picture)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@contextlib.contextmanager
def _recorder() -> Iterator[tuple[int, list[str]]]:
    """(port, first lines heard there) of a socket on the loopback that hangs up on everyone."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5.0)
                    with contextlib.suppress(OSError):
                        asked.append(connection.recv(4096).split(b"\r\n")[0].decode("latin-1"))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield server.getsockname()[1], asked
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5.0)
