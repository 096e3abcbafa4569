"""Numbered lines of a program's text output, and its numbers read strictly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from .opening import PIECE, Reader

MAX_LINE = 1 << 20  # bytes; no program writes a longer line of text


class CutError(Exception):
    """The text ended where more was due."""


class NumberedLines(Iterator[str]):
    """The lines of a text without their ends.

    :param stream: the unpacked bytes.
    :param name: the file's name, for messages.
    :ivar number: the number of the line given last, counted from 1.
    :ivar unended: True once the last line was met and has no line end.
    """

    def __init__(self, stream: Reader, name: str) -> None:
        self._lines = self._split(stream)
        self.name, self.number, self.unended = name, 0, False

    def _split(self, stream: Reader) -> Iterator[bytes]:
        tail = b""
        while block := stream.read(PIECE):
            first, *rest = block.split(b"\n")
            tail += first
            if rest:
                yield tail
                yield from rest[:-1]
                tail = rest[-1]
            if len(tail) > MAX_LINE:
                self.number += 1
                self.refuse(f"is longer than {MAX_LINE} bytes; this is no text output. Give the program's own file")
        if tail.strip():
            self.unended = True

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            if self.unended:
                raise CutError
            raise StopIteration
        self.number += 1
        return line.decode("latin-1").rstrip("\r")

    def due(self) -> str:
        """The next line.

        :raises CutError: when there is none.
        """
        line = next(self, None)
        if line is None:
            raise CutError
        return line

    def table(self, rows: int, first: int = 0, width: int = 3) -> NDArray[np.float64]:
        """(rows, width), numbers of the next lines, from the column ``first`` on.

        :raises CutError: when the text ends before.
        :raises RefusedError: when a line has too few columns, or text where a number belongs.
        """
        values: list[list[float]] = []
        for _ in range(rows):
            values.append(self.reals(self.due().split()[first : first + width], width))
        return np.array(values, dtype=np.float64).reshape(rows, width)

    def reals(self, tokens: Sequence[str], width: int) -> list[float]:
        """The tokens of the present line as ``width`` numbers.

        :raises RefusedError: as :meth:`table`.
        """
        if len(tokens) != width:
            self.refuse(f"has {len(tokens)} of the {width} numbers that belong there. Is the file damaged?")
        try:
            return [real(token) for token in tokens]
        except ValueError:
            self.refuse(f"has text where a number belongs: {' '.join(tokens)[:60]!r}. Drop that step")

    def real(self, token: str) -> float:
        """One number of the present line; refusals as :meth:`table`."""
        return self.reals([token], 1)[0]

    def count(self, token: str) -> int:
        """A number of things, at least 1, of the present line.

        :raises RefusedError: when it is none.
        """
        if not (token.isascii() and token.isdigit() and 0 < int(token[:12]) < 10**9):
            self.refuse(f"has {token[:40]!r} where a number of things belongs. Is the file damaged?")
        return int(token)

    def refuse(self, what: str) -> NoReturn:
        """Refuse the file for its present line.

        :raises RefusedError: always.
        """
        raise RefusedError(f"{self.name}, line {self.number} {what.rstrip('.')}{'' if what.endswith('?') else '.'}")


def real(token: str) -> float:
    """A number as programs write it; Python's underscores and Fortran's asterisks are no numbers.

    :raises ValueError: for anything else.
    """
    if "_" in token:
        raise ValueError(token)
    return float(token)


def cut(name: str, complete: int, last_line: int, unended: bool = False) -> RefusedError:
    """The refusal of a file that ends inside a step.

    :param complete: steps before it that are whole.
    :param last_line: the last line that belongs to them.
    :param unended: the file's last line has no line end.
    """
    whole = " (If it is whole, end its last line with a line feed.)" if unended else ""
    if complete == 0:
        return RefusedError(
            f"{name}: the file ends inside its first step. Give the whole file, or leave it out.{whole}"
        )
    steps = "step before it" if complete == 1 else f"{complete} steps before it"
    return RefusedError(
        f"{name}: the file ends inside frame {complete}. To use the {steps}, keep the first {last_line} lines only "
        f"(head -n {last_line}).{whole}"
    )
