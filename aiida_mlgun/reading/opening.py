"""Opening a file of frames: plain, gzip or xz by its first bytes, with a bound on what it may unpack to."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from ..contract.errors import RefusedError

MAX_UNPACKED = 8 << 30  # bytes; a compressed file that unpacks to more is refused
MAX_RATIO = 100  # unpacked / packed; text of numbers reaches 10
RATIO_COUNTS_FROM = 2 << 20  # bytes unpacked before the ratio is judged
MAX_MEMORY = 128 << 20  # bytes that unpacking xz may take; its strongest preset takes 65 MiB
PIECE = 1 << 18
GZIP, XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"


class Reader(Protocol):
    """Something with ``read``."""

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes; none at the end."""


class _Raw:
    """The file as it lies on disk: how much was read, and the sha256 of that."""

    def __init__(self, handle: BinaryIO, hashed: bool) -> None:
        self._handle, self.count = handle, 0
        self.digest = hashlib.sha256() if hashed else None

    def read(self, size: int = -1, /) -> bytes:
        block = self._handle.read(size)
        self.count += len(block)
        if self.digest is not None:
            self.digest.update(block)
        return block


class _Xz:
    """Unpacks xz with a bound on memory (:class:`lzma.LZMAFile` has none); several streams follow one another."""

    def __init__(self, raw: _Raw) -> None:
        self._raw, self._engine, self._spare = raw, lzma.LZMADecompressor(memlimit=MAX_MEMORY), b""

    def read(self, size: int = -1, /) -> bytes:
        while True:
            if self._engine.eof:
                rest = (self._engine.unused_data or self._raw.read(PIECE)).lstrip(b"\0")
                while not rest:
                    if not (block := self._raw.read(PIECE)):
                        return b""
                    rest = block.lstrip(b"\0")
                self._engine, self._spare = lzma.LZMADecompressor(memlimit=MAX_MEMORY), rest
            block = self._spare
            if not block and self._engine.needs_input and not (block := self._raw.read(PIECE)):
                raise EOFError("the end is missing")
            self._spare = b""
            if unpacked := self._engine.decompress(block, size):
                return unpacked


class Stream:
    """The unpacked bytes of an open file, read in order.

    :ivar size: bytes in all; None for a compressed file, where nobody knows before the end.
    """

    def __init__(self, path: Path, handle: BinaryIO, packing: str, hashed: bool) -> None:
        self._path, self._raw, self._unpacked = path, _Raw(handle, hashed), 0
        self.packed = packing != ""
        self.size = None if self.packed else path.stat().st_size
        self._source: Reader = self._raw
        if packing == "gzip":
            self._source = cast(Reader, gzip.GzipFile(fileobj=cast(BinaryIO, self._raw), mode="rb"))
        elif packing == "xz":
            self._source = _Xz(self._raw)

    def read(self, size: int = PIECE, /) -> bytes:
        """At most ``size`` bytes; none at the end.

        :raises RefusedError: damaged, or unpacks to more than is sensible.
        """
        try:
            block = self._source.read(size)
        except (lzma.LZMAError, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise RefusedError(f"{self._path}: the compressed file is damaged ({error}).") from error
        if self.packed:
            self._unpacked += len(block)
            self._judge()
        return block

    def _judge(self) -> None:
        if self._unpacked > MAX_UNPACKED:
            raise RefusedError(f"{self._path}: unpacks to more than {MAX_UNPACKED >> 30} GiB; unpack and split it.")
        if self._unpacked > max(RATIO_COUNTS_FROM, MAX_RATIO * self._raw.count):
            raise RefusedError(
                f"{self._path}: unpacks to more than {MAX_RATIO} times its size, which no file of frames does; "
                "if it is what it should be, unpack it first."
            )

    def sha256(self) -> str | None:
        """Hexadecimal sha256 of the file as it lies on disk, once all of it was read; None if it was not asked for."""
        while self._raw.read(PIECE):
            pass
        return None if self._raw.digest is None else self._raw.digest.hexdigest()


def check_path(path: Path) -> None:
    """Refuse what is no file, or empty."""
    if not path.exists():
        raise RefusedError(f"{path}: there is no such file.")
    if path.is_dir():
        raise RefusedError(f"{path}: this is a folder; name the files in it.")
    if not path.is_file():
        raise RefusedError(f"{path}: this is no regular file; copy it into one.")
    if path.stat().st_size == 0:
        raise RefusedError(f"{path}: the file is empty.")


@contextmanager
def open_stream(path: Path, hashed: bool = False) -> Iterator[Stream]:
    """The unpacked bytes of a file, its packing told by its first bytes.

    :param hashed: also compute the sha256 on the way.
    :raises RefusedError: no such file, a folder, empty, not to be read, damaged, or unpacks to too much.
    """
    check_path(path)
    try:
        handle = path.open("rb")
    except OSError as error:
        raise RefusedError(f"{path}: cannot be opened ({error.strerror}).") from error
    with handle:
        start = handle.read(len(XZ))
        handle.seek(0)
        packing = "gzip" if start.startswith(GZIP) else "xz" if start == XZ else ""
        yield Stream(path, handle, packing, hashed)
