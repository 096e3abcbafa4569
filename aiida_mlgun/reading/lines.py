"""A byte stream as lines, taken a few at a time; never more in memory than was asked for and one piece."""

from __future__ import annotations

from .labels import FaultError
from .opening import PIECE, Reader

MAX_LINE = 16 << 20  # bytes; a longer line is no line of a text


class Lines:
    """Lines without their end, in order.

    :ivar offset: bytes before the next line.
    :ivar ended: False when the stream's last line, already read, has no line end.
    """

    def __init__(self, stream: Reader, offset: int = 0) -> None:
        self._stream, self._lines, self._at, self._tail = stream, list[bytes](), 0, b""
        self._done, self._ended, self.offset = False, True, offset

    def take(self, count: int) -> list[bytes]:
        """The next ``count`` lines; fewer at the end of the stream.

        :raises FaultError: for a line longer than any text has.
        """
        while len(self._lines) - self._at < count and not self._done:
            self._fill()
        taken = self._lines[self._at : self._at + count]
        self._at += len(taken)
        self.offset += sum(map(len, taken)) + len(taken)
        return taken

    def _fill(self) -> None:
        block = self._stream.read(PIECE)
        del self._lines[: self._at]
        self._at = 0
        if not block:
            self._done = True
            if self._tail:
                self._ended = self._tail.endswith(b"\r")
                self._lines.append(self._tail)
                self._tail = b""
            return
        first, *rest = block.split(b"\n")
        self._tail += first
        if rest:
            self._lines.append(self._tail)
            self._lines += rest[:-1]
            self._tail = rest[-1]
        if len(self._tail) > MAX_LINE:
            raise FaultError(f"a line longer than {MAX_LINE >> 20} MiB; this is no text file, so no extended XYZ.")

    def rest_is_blank(self) -> bool:
        """True when nothing but blanks follows; the stream is read until something else is found."""
        rest = b"".join(self._lines[self._at :]) + self._tail
        while not rest.strip():
            if not (rest := self._stream.read(PIECE)):
                return True
        return False

    @property
    def cut(self) -> bool:
        """True when the line taken last is the stream's last and has no line end."""
        return self._done and not self._ended and self._at == len(self._lines)


def without_returns(lines: list[bytes]) -> list[bytes]:
    """The lines with ``\\r\\n`` taken for a line end.

    :raises FaultError: for a carriage return anywhere else, which other programs take for a line end of its own.
    """
    lines = [line.removesuffix(b"\r") for line in lines]
    if any(b"\r" in line for line in lines):
        raise FaultError("a carriage return stands inside a line. Write the file with one kind of line end.")
    return lines
