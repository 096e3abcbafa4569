"""Hours of dynamics, ours and the paper's."""

from __future__ import annotations

import pytest

from aiida_mlgun.report.cost import Effort, cost_rows, cost_sentence
from aiida_mlgun.report.words import scientific


def test_hours_are_those_of_all_cores() -> None:
    one = Effort("cpu", jobs=2, shots=50, steps=200_000, seconds=3600.0, units=4)
    assert (one.unit, one.hours) == ("CPU h", 4.0)
    row = cost_rows([one])[0]
    assert (row["full"], row["step"], row["thousand"]) == ("0.40", "2.0 × 10⁻⁵", "400")
    assert row["decided"] == "80" and row["device"] == "4 CPU cores" and not row["cited"]


def test_without_cores_wall_time_is_told() -> None:
    row = cost_rows([Effort("cpu", 1, 10, 1000, 7200.0)])[0]
    assert row["unit"] == "wall h" and row["device"] == "CPU, number of cores not recorded"
    assert row["thousand"] == "4.0 × 10⁴"


def test_a_gpu_has_its_name() -> None:
    row = cost_rows([Effort("cuda", 1, 10, 20_000, 360.0, "NVIDIA H100", 1)])[0]
    assert (row["unit"], row["device"], row["full"]) == ("GPU h", "NVIDIA H100", "0.10")


def test_the_paper_stands_below_as_printed() -> None:
    rows = cost_rows([Effort("cpu", 1, 1, 1, 1.0, units=1)])
    cited = [(row["unit"], row["full"], row["step"], row["thousand"]) for row in rows if row["cited"]]
    assert cited == [
        ("CPU h", "7.1 × 10⁴", "3.6", "7.1 × 10⁷"),
        ("CPU h", "4.3", "2.2 × 10⁻⁴", "4.4 × 10³"),
        ("GPU h", "0.10", "5.0 × 10⁻⁶", "100"),
    ]
    assert not any(row["cited"] for row in cost_rows([Effort("cpu", 1, 1, 1, 1.0)], cited=False))


def test_without_steps_there_is_nothing_to_tell() -> None:
    assert cost_rows([Effort("cpu", 1, 0, 0, 5.0)]) == [] and cost_sentence([Effort("cpu", 1, 0, 0, 5.0)]) == ""
    assert cost_rows([]) == []


def test_what_early_decisions_save() -> None:
    words = cost_sentence([Effort("cpu", 1, 10, 50_000, 1.0)])
    assert "5\u202f000 steps per shot" in words and "75 % less" in words
    assert "less than" not in cost_sentence([Effort("cpu", 1, 1, 20_000, 1.0)])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (4.3, "4.3"),
        (43.0, "43"),
        (9.97, "10"),
        (0.1, "0.10"),
        (0.099, "9.9 × 10⁻²"),
        (999.0, "999"),
        (1e3, "1.0 × 10³"),
    ],
)
def test_numbers_with_two_digits(value: float, words: str) -> None:
    assert scientific(value) == words
