"""Named arrays as one file: equal arrays give equal bytes; no pickles; columns may be longer than the memory."""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError

BLOCK = 1 << 22  # bytes copied at a time
MAX_RATIO: Final = 200  # unpacked / packed; arrays of numbers reach 20
RATIO_COUNTS_FROM: Final = 256 << 20  # bytes unpacked before the ratio is judged; zeros pack to a thousandth
_HEADERS: Final = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def pack(arrays: Mapping[str, NDArray[Any]], compress: bool = True) -> bytes:
    """An npz with sorted names and fixed dates.

    :param compress: deflate; without it reading and writing run at the speed of the disk.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            array = np.asarray(arrays[name], order="C")
            with _member(archive, name, compress) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return buffer.getvalue()


def copy_column(
    archive: zipfile.ZipFile, name: str, raw: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...]
) -> None:
    """Add the array ``name``, its bytes (C order) read from ``raw``; the file's bytes are as :func:`pack` writes."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with _member(archive, name, compress=False) as member:
        np.lib.format.write_array_header_1_0(member, header)
        while block := raw.read(BLOCK):
            member.write(block)


def unpack(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an npz.  What a member claims is compared with its size before memory is given to it.

    :raises RefusedError: when the bytes are no npz, hold pickled objects, or unpack to more than arrays do.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            unpacked = sum(info.file_size for info in members)
            if unpacked > max(RATIO_COUNTS_FROM, MAX_RATIO * len(content)):
                raise ValueError(f"it unpacks to more than {MAX_RATIO} times its size")
            if len({info.filename for info in members}) != len(members):
                raise ValueError("a name stands in it twice")
            return {info.filename.removesuffix(".npy"): _array(archive, info) for info in members}
    except (ValueError, SyntaxError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise RefusedError(f"this is not a file of arrays: {error}.") from error


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename} is packed in a way that is not read")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version not in _HEADERS:
            raise ValueError(f"{info.filename} has version {version}")
        try:
            shape, _, dtype = _HEADERS[version](member)
        except tokenize.TokenError as error:
            raise ValueError(f"{info.filename} has a damaged header") from error
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds pickled objects, and opening them runs what is in them")
        count = math.prod(shape)
        if min(shape, default=0) < 0 or (count and not dtype.itemsize):
            raise ValueError(f"{info.filename} claims a shape that is none")
        if count * dtype.itemsize != info.file_size - member.tell():
            raise ValueError(f"{info.filename} claims another size than it has")
    with archive.open(info) as member:
        array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
    return array


def _member(archive: zipfile.ZipFile, name: str, compress: bool) -> IO[bytes]:
    info = zipfile.ZipInfo(name + ".npy")
    info.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    return archive.open(info, "w", force_zip64=True)
