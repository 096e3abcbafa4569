from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.strict import dump, load


@dataclass(frozen=True)
class Inner:
    x: float = 1.0


@dataclass(frozen=True)
class Outer:
    n: int
    inner: Inner = Inner()
    kind: Literal["a", "b"] = "a"
    pairs: tuple[tuple[str, str], ...] = ()
    maybe: float | None = None
    table: dict[str, float] | None = None


def test_load_and_dump_are_inverse() -> None:
    outer = Outer(3, Inner(2.5), "b", (("C", "H"),), 0.5, {"H": -13.6})
    assert load(Outer, dump(outer)) == outer


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ([], "a mapping is needed"),
        ({}, "'n' is missing"),
        ({"n": 1, "m": 2}, "unknown key 'm'"),
        ({"n": "1"}, "job.n: int is needed"),
        ({"n": True}, "an integer is needed"),
        ({"n": 1.5}, "int is needed"),
        ({"n": 1, "inner": {"x": float("nan")}}, "job.inner.x: nan is not a finite number"),
        ({"n": 1, "inner": {"y": 1}}, "job.inner: unknown key 'y'"),
        ({"n": 1, "kind": "c"}, "is not one of a, b"),
        ({"n": 1, "pairs": "CH"}, "a list is needed"),
        ({"n": 1, "pairs": [["C"]]}, r"pairs\[0\]: 2 entries are needed, not 1"),
        ({"n": 1, "table": {"H": "x"}}, "job.table.H: float is needed"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(data: object, sentence: str) -> None:
    with pytest.raises(RefusedError, match=sentence):
        load(Outer, data)


def test_whole_floats_pass_as_integers() -> None:
    assert load(Outer, {"n": 3.0}) == Outer(3)
