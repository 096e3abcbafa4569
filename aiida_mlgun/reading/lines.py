"""A byte stream as lines, taken a few at a time; never more in memory than was asked for and one piece."""

from __future__ import annotations

from .labels import FaultError
from .opening import PIECE, Reader

MAX_LINE = 16 << 20  # bytes; a longer line is no line of a text


class Lines:
    """Lines without their end, in order.

    :ivar offset: bytes before the next line.
    """

    def __init__(self, stream: Reader, offset: int = 0) -> None:
        self._stream, self._held, self._at = stream, b"", 0
        self._done, self._open, self.offset = False, False, offset

    def take(self, count: int) -> list[bytes]:
        """The next ``count`` lines; fewer at the end of the stream.

        :raises FaultError: for a line longer than any text has.
        """
        taken: list[bytes] = []
        while len(taken) < count:
            end = self._held.find(b"\n", self._at)
            if end >= 0:
                taken.append(self._held[self._at : end])
                self._move(end + 1 - self._at)
            elif not self._done:
                self._fill()
            elif self._at < len(self._held):
                taken.append(self._held[self._at :])
                self._open = not taken[-1].endswith(b"\r")
                self._move(len(taken[-1]))
            else:
                break
        return taken

    def even(self, count: int) -> bytes | None:
        """The next ``count`` lines with their ends, not taken yet, if each seems to be as long as the first."""
        while (end := self._held.find(b"\n", self._at)) < 0 and not self._done:
            self._fill()
        length = end + 1 - self._at
        if end < 0 or length * count > MAX_LINE:
            return None
        while len(self._held) - self._at < length * count and not self._done:
            self._fill()
        lines = self._held[self._at : self._at + length * count]
        return lines if lines[length - 1 :: length] == b"\n" * count else None

    def skip(self, lines: bytes) -> None:
        """Take what :meth:`even` gave."""
        self._move(len(lines))

    def rest_is_blank(self) -> bool:
        """True when nothing but blanks follows; the stream is read until something else is found."""
        rest = self._held[self._at :]
        while not rest.strip():
            if not (rest := self._stream.read(PIECE)):
                return True
        return False

    @property
    def cut(self) -> bool:
        """True when the line taken last is the stream's last and has no line end."""
        return self._open

    def _move(self, size: int) -> None:
        self._at += size
        self.offset += size

    def _fill(self) -> None:
        block = self._stream.read(PIECE)
        self._done = not block
        self._held, self._at = self._held[self._at :] + block, 0
        if len(self._held) > MAX_LINE and b"\n" not in self._held:
            raise FaultError(f"a line longer than {MAX_LINE >> 20} MiB; this is no text file, so no extended XYZ.")


def without_returns(lines: list[bytes]) -> list[bytes]:
    """The lines with ``\\r\\n`` taken for a line end.

    :raises FaultError: for a carriage return anywhere else, which other programs take for a line end of its own.
    """
    lines = [line.removesuffix(b"\r") for line in lines]
    if any(b"\r" in line for line in lines):
        raise FaultError("a carriage return stands inside a line. Write the file with one kind of line end.")
    return lines
