from __future__ import annotations

import numpy as np

from aiida_mlgun.remote.fates import Fates


def test_every_frame_has_one_fate() -> None:
    fates = Fates()
    assert fates.enter(np.array([True, False, False])).tolist() == [False, True, True]
    fates.drop("above_force", np.array([1]), {"ceiling": 5.0})
    fates.enter(np.array([False, False]))
    fates.drop("above_force", np.array([3, 4]), {"ceiling": 5.0})
    fates.drop("duplicates", np.array([], dtype=np.int64), {})
    assert (fates.left.tolist(), fates.isolated.tolist()) == ([2], [0])
    fates.put("train", fates.left)
    assert fates.steps(first=2) == [
        {"filter": "above_force", "parameters": {"ceiling": 5.0}, "dropped": 3, "first": [1, 3]},
        {"filter": "duplicates", "parameters": {}, "dropped": 0, "first": []},
    ]
    assert fates.worst() == ("above_force", 3)
    arrays = fates.arrays()
    assert [str(arrays["names"][k]) for k in arrays["fate"]] == [
        "isolated",
        "above_force",
        "train",
        "above_force",
        "above_force",
    ]


def test_no_frames_have_no_fates() -> None:
    fates = Fates()
    assert len(fates.left) == 0
    assert fates.worst() == ("no filter", 0)
