"""Positions to a thousandth of an Å in few bytes: whole numbers, differences from frame to frame, deflated.

========  ===================================================================================================
step      what
========  ===================================================================================================
quantise  x → round(x / 0.001 Å): the error is at most 0.0005 Å
differ    first or second differences along time, whichever takes fewer bytes; the first frame as it is
fold      …, −2, −1, 0, 1, 2, … → …, 3, 1, 0, 2, 4, … so that small differences have small codes
planes    all lowest bytes, then all second bytes, …: as many planes as the largest code needs
deflate   zlib (RFC 1950), whose checksum tells a damaged code
========  ===================================================================================================

An atom flung away costs a byte plane that is almost empty, not an overflow.  Byte order is little-endian.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

#: Å; also fs, where times go through the codec.
RESOLUTION: Final = 0.001
#: Å; positions beyond ±REACH are stored as ±REACH: 0.1 mm, and whole numbers still fit 32 bits.
REACH: Final = 1.0e6
_HEADER: Final = struct.Struct("<BBBBQQ")  # version, order of differences, byte planes, 0, rows, columns
_VERSION: Final = 1
_ORDERS: Final = (1, 2)


def quantise(positions: Floats) -> NDArray[np.int32]:
    """Å → whole multiples of :data:`RESOLUTION`, same shape.

    :raises RefusedError: when a position is not a finite number.
    """
    if not np.isfinite(positions).all():
        raise RefusedError("positions that are not finite numbers cannot be kept.")
    return np.asarray(np.rint(np.clip(positions, -REACH, REACH) / RESOLUTION).astype(np.int32))


def restored(numbers: NDArray[Any]) -> Floats:
    """Whole multiples of :data:`RESOLUTION` → Å."""
    return np.asarray(numbers, dtype=np.float64) * RESOLUTION


def encode(numbers: NDArray[Any]) -> Bytes:
    """Integers (k, …), k points in time, → (size,) bytes that know k and the number of columns.

    :param numbers: between −2⁶⁰ and 2⁶⁰, so that no difference overflows.
    """
    table = np.asarray(numbers, dtype=np.int64).reshape(len(numbers), int(np.prod(np.shape(numbers)[1:])))
    return min((_encode(table, order) for order in _ORDERS), key=len)


def decode(code: Bytes) -> NDArray[np.int64]:
    """What :func:`encode` was given, as (k, columns).

    :raises RefusedError: when the bytes are cut short, damaged, or of another version.
    """
    raw = np.asarray(code, dtype=np.uint8).tobytes()
    try:
        version, order, n_planes, _, rows, columns = _HEADER.unpack_from(raw)
        content = zlib.decompress(raw[_HEADER.size :])
    except (struct.error, zlib.error) as error:
        raise RefusedError(f"a stored path is damaged: {error}.") from error
    if version != _VERSION or order not in _ORDERS or len(content) != n_planes * rows * columns:
        raise RefusedError(f"a stored path has the format {version}; this version reads {_VERSION}.")
    planes = np.frombuffer(content, dtype=np.uint8).reshape(n_planes, rows * columns)
    folded = np.zeros(rows * columns, dtype=np.uint64)
    for i, plane in enumerate(planes):
        folded |= plane.astype(np.uint64) << np.uint64(8 * i)
    half = (folded >> np.uint64(1)).astype(np.int64)
    table = np.where(folded & np.uint64(1), ~half, half).reshape(rows, columns)
    for _ in range(order):
        table = np.cumsum(table, axis=0)
    return table


def length(code: Bytes) -> int:
    """The number of points in time in a code, without decoding it."""
    return int(_HEADER.unpack_from(np.asarray(code[: _HEADER.size], dtype=np.uint8).tobytes())[4])


def _encode(table: NDArray[np.int64], order: int) -> Bytes:
    for _ in range(order):
        table = np.diff(table, axis=0, prepend=np.zeros((1, table.shape[1]), dtype=np.int64))
    folded = ((table << 1) ^ (table >> 63)).astype(np.uint64).ravel()
    n_planes = (int(folded.max()).bit_length() + 7) // 8 if folded.size else 0
    planes = [((folded >> np.uint64(8 * i)) & np.uint64(255)).astype(np.uint8) for i in range(n_planes)]
    content = zlib.compress(b"".join(plane.tobytes() for plane in planes), 6)
    header = _HEADER.pack(_VERSION, order, n_planes, 0, *np.shape(table))
    return np.frombuffer(header + content, dtype=np.uint8)
