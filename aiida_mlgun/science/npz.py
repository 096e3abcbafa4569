"""Named arrays as one file: equal arrays give equal bytes; no pickles; columns may be longer than the memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError

BLOCK = 1 << 22  # bytes copied at a time


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
    """The arrays of an npz; pickled objects are refused.

    :raises RefusedError: when the bytes are no npz, or hold pickles.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise RefusedError(f"this is not a file of arrays: {error}.") from error


def _member(archive: zipfile.ZipFile, name: str, compress: bool) -> IO[bytes]:
    info = zipfile.ZipInfo(name + ".npy")
    info.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    return archive.open(info, "w", force_zip64=True)
