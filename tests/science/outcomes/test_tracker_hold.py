"""Bonds that do not count yet, or not for sure; what is known of the molecule at contact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .flights import upright


def test_a_touch_shorter_than_the_hold_is_no_event(flight: Any) -> None:
    """Looks 10 fs apart; the bond rule holds for 20 fs."""
    tracker, show = flight()
    heights = [4.0, 4.0, 2.0, 2.0, 4.0, 4.0, 2.0, 2.0, 2.0, 2.0]
    for i, height in enumerate(heights):
        show(10.0 * i, height, 0.0, upright(0.8))
    assert tracker.events == [
        (20.0, "contact"),
        (60.0, "bond made C0-Si12"),
        (60.0, "mode precursor"),
    ]
    assert tracker.bond_fs == 60.0  # when it began, not when it counted
    assert "C0-Si12 may or may not" not in tracker.final(90.0).reason


def test_a_change_that_waits_at_the_end_leaves_the_shot_undecided(flight: Any) -> None:
    tracker, show = flight(settle_fs=20.0)
    for i in range(10):
        show(10.0 * i, 4.0, 0.0, upright(0.8))
    show(100.0, 2.0, 0.0, upright(0.8))
    verdict = tracker.final(100.0)
    assert verdict.mode == "undecided"
    assert verdict.reason.startswith("C0-Si12 may or may not be bonded: intact or precursor;")


def test_a_bond_that_stays_between_the_limits_is_reported_as_other(flight: Any) -> None:
    tracker, show = flight(settle_fs=200.0)
    show(0.0, 10.0)
    for t in range(10, 200, 10):
        show(t, 2.0, 0.0, upright(0.8))
    for t in range(200, 300, 10):  # between 2.34 and 2.81 Å
        show(t, 2.6, 0.0, upright(0.8))
    assert tracker.final(290).mode == "precursor"
    show(300, 2.6, 0.0, upright(0.8))
    verdict = tracker.final(300)
    assert (verdict.mode, verdict.productive, verdict.final) == ("other", True, False)
    assert verdict.reason.startswith("ambiguous: C0-Si12 may or may not be bonded: precursor or intact; bonds C0-Si12")
    show(310, 2.3, 0.0, upright(0.8))
    assert tracker.final(310).mode == "precursor"


def test_temperature_and_energy_at_contact(flight: Any) -> None:
    tracker, show = flight()
    assert show(0, 10.0, -0.01) is None and np.isnan(tracker.temperature_contact)
    show(20, 3.5, -0.02)
    show(40, 3.0, 0.0)
    mass = 2 * (12.011 + 1.008)
    assert tracker.energy_contact == pytest.approx(0.5 * mass * 0.02**2 / 9.64853321e-3)
    assert [tracker.temperature_contact, tracker.temperature_end] == pytest.approx([0, 0], abs=1e-9)  # it moves as one
