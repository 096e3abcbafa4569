from __future__ import annotations

from aiida_mlgun.science.leaks import shared_frames, shared_runs


def test_a_frame_on_two_sides_is_named_once() -> None:
    leaks = shared_frames({"train": [b"a", b"b", b"a"], "validation": [b"c"], "test": [b"d", b"b"]})
    assert [str(leak) for leak in leaks] == ["frame 1 of train is frame 1 of test"]
    assert shared_frames({"train": [b"a"], "test": []}) == []


def test_a_run_on_two_sides_is_named_and_frames_without_a_run_share_none() -> None:
    leaks = shared_runs({"train": ["x", "", "y"], "validation": ["", "y"], "test": ["y"]})
    assert [str(leak) for leak in leaks] == [
        "the run 'y' stands in train and in validation",
        "the run 'y' stands in train and in test",
        "the run 'y' stands in validation and in test",
    ]
