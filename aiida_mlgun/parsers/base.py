"""What all parsers share: a manifest must be there, its checksums must hold, its status becomes the exit code."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers.parser import Parser

from ..contract import files
from ..contract.errors import RefusedError
from ..contract.manifest import Manifest, parse
from ..contract.status import BY_NAME, OK
from ..data.frames import FramesData
from ..science.frames import from_arrays
from ..science.npz import unpack


class VerbParser(Parser):
    """Subclasses turn output files into nodes in :meth:`build`."""

    #: To be raised by a parser that comes to make other nodes of the same files.
    CACHE_VERSION = 1

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Read the manifest first; without one, the scheduler's own verdict stands if it gave one."""
        try:
            manifest = parse(self.text(files.MANIFEST))
        except FileNotFoundError:
            if self.node.exit_status is not None:
                return None
            return self.failed("manifest_missing", f"last words: {self._last_words()!r}.")
        except RefusedError as error:
            return self.failed(error.status, str(error))
        self.out("results", orm.Dict(self._results(manifest)))
        try:
            self._check(manifest)
            if manifest.outputs:
                self.build(manifest)
        except FileNotFoundError as error:
            return self.failed("checksum_mismatch", f"{error.filename or error} did not come back.")
        except RefusedError as error:
            status = error.status if error.status != "input_refused" else "checksum_mismatch"
            return self.failed(status, str(error))
        if manifest.status != OK:
            return self.failed(manifest.status, manifest.detail)
        return None

    def build(self, manifest: Manifest) -> None:
        """Make the output nodes from the files that the manifest names."""
        raise TypeError(f"{type(self).__name__} must say which nodes it makes")

    def failed(self, status: str, detail: str) -> ExitCode:
        """The exit code of a named status."""
        row = BY_NAME.get(status, BY_NAME["unexpected"])
        exit_code: ExitCode = getattr(self.exit_codes, row.label)
        return exit_code.format(detail=detail)

    def content(self, name: str) -> bytes:
        """The bytes of a retrieved file."""
        with self.retrieved.base.repository.open(name, "rb") as handle:
            data: bytes = handle.read()
        return data

    def text(self, name: str) -> str:
        """The text of a retrieved file."""
        return self.content(name).decode("utf-8", errors="replace")

    def json(self, name: str) -> Any:
        """The JSON of a retrieved file."""
        try:
            return json.loads(self.content(name))
        except ValueError as error:
            raise RefusedError(f"{name} is not JSON ({error}).") from error

    def arrays(self, name: str) -> dict[str, Any]:
        """The arrays of a retrieved npz."""
        return unpack(self.content(name))

    def frames(self, name: str, source: dict[str, Any] | None = None) -> FramesData:
        """The frames of a retrieved npz as a node."""
        return FramesData(from_arrays(self.arrays(name)), source=source)

    def _check(self, manifest: Manifest) -> None:
        for name, wanted in manifest.outputs.items():
            if hashlib.sha256(self.content(name)).hexdigest() != wanted:
                raise RefusedError(f"{name} has another sha256 than the manifest says.", status="checksum_mismatch")

    def _last_words(self) -> str:
        for name in (files.STDERR, files.STDOUT):
            try:
                lines = [line for line in self.text(name).splitlines() if line.strip()]
            except FileNotFoundError:
                continue
            if lines:
                return lines[-1][-200:]
        return "none"

    @staticmethod
    def _results(manifest: Manifest) -> dict[str, Any]:
        keep = ("verb", "status", "detail", "seed", "device", "wall_seconds", "versions", "numbers")
        return {name: getattr(manifest, name) for name in keep}
