from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.npz import copy_column, pack, unpack


@pytest.mark.parametrize("compress", [True, False])
def test_equal_arrays_give_equal_bytes_and_come_back(compress: bool) -> None:
    arrays = {"b": np.arange(6.0).reshape(2, 3), "a": np.array(["x", "yz"]), "n": np.asarray(3)}
    content = pack(arrays, compress)
    assert content == pack(dict(reversed(arrays.items())), compress)
    again = unpack(content)
    assert list(again) == ["a", "b", "n"]
    assert again["n"].shape == ()
    assert np.array_equal(again["b"], arrays["b"])


def test_a_column_copied_from_a_file_gives_the_same_bytes() -> None:
    array = np.arange(12.0).reshape(4, 3)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        copy_column(archive, "x", io.BytesIO(array.tobytes()), array.dtype, array.shape)
    assert buffer.getvalue() == pack({"x": array}, compress=False)


def test_pickles_and_rubbish_are_refused() -> None:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.array([{"a": 1}], dtype=object))
    for content in (buffer.getvalue(), b"PK rubbish", b""):
        with pytest.raises(RefusedError, match="not a file of arrays"):
            unpack(content)
