"""Generations: two whole ones, a damaged one passed over, none broken by a kill, none with numbers that are none."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from aiida_mlgun.contract.errors import RunFailedError
from aiida_mlgun.remote.mace.checkpoints import START, Checkpoints, Marks
from aiida_mlgun.remote.mace.identity import identify

IDENTITY = {"options": {"lr": "0.01", "E0s": "{1: -1.5}"}, "data": {"train.xyz": "ab"}}


def weights(value: float) -> dict[str, torch.Tensor]:
    return {"w": torch.full((1000,), value)}


def state(value: float) -> dict[str, Any]:
    return {"model": weights(value), "ema": None, "neighbours": [1.5]}


def marks(epoch: int, best: int = 0) -> Marks:
    return Marks(epoch, 4, best, 0.5, 0.9)


@pytest.fixture
def store(tmp_path: Path) -> Checkpoints:
    """Generations 1 to 3, the best being epoch 0 all along."""
    store = Checkpoints(tmp_path / "checkpoint", IDENTITY, "stage", 24)
    store.begin(weights(-1.0))
    store.keep_best(0, weights(0.0))
    for epoch in (1, 2, 3):
        store.write(marks(epoch), state(epoch), [f'{{"epoch": {epoch - 1}}}'])
    return store


def names(store: Checkpoints) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


def test_two_generations_are_kept_with_what_they_name(store: Checkpoints) -> None:
    two = [
        f"{kind}-00000{n}.{end}" for kind, end in (("curve", "txt"), ("state", "json"), ("state", "pt")) for n in "23"
    ]
    assert names(store) == sorted([*two, "best-000000.pt", START])
    found, said = store.newest()
    assert found is not None and said == ()
    assert (found.marks, found.seed, found.mace) == (marks(3), 24, "0.3.16")
    assert store.tensors("state-000003.pt")["model"]["w"][0] == 3.0
    assert store.curve(found) == ['{"epoch": 2}']


def test_a_superseded_best_goes_when_no_generation_names_it(store: Checkpoints) -> None:
    store.keep_best(3, weights(3.0))
    store.keep_best(4, weights(4.0))
    assert [name for name in names(store) if name.startswith("best")] == ["best-000000.pt", "best-000004.pt"]
    assert store.best()["w"][0] == 4.0
    for epoch in (5, 6):
        store.write(marks(epoch, best=4), state(epoch), [])
    assert [name for name in names(store) if name.startswith("best")] == ["best-000004.pt"]


@pytest.mark.parametrize("name", ["state-000003.pt", "state-000003.json", "curve-000003.txt"])
@pytest.mark.parametrize("how", ["cut", "flipped", "gone"])
def test_a_damaged_generation_is_passed_over_for_the_one_before(store: Checkpoints, name: str, how: str) -> None:
    path = store.folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(content if how == "flipped" else content[: len(content) // 2])
    found, said = store.newest()
    assert found is not None and found.marks.epoch == 2
    if path.suffix != ".json" or how != "gone":
        assert (len(said) == 1 and name.removesuffix(".pt") in said[0]) or "damaged" in said[0]
    assert store.newest()[1] == ()  # it is said once, and then it is gone


def test_without_a_whole_generation_there_is_none(store: Checkpoints) -> None:
    (store.folder / "best-000000.pt").write_bytes(b"")
    found, said = store.newest()
    assert found is None
    assert [sentence.partition(" is")[0] for sentence in said] == [
        "best-000000.pt of checkpoint 3",
        "best-000000.pt of checkpoint 2",
    ]
    assert Checkpoints(store.folder / "nothing", IDENTITY).newest() == (None, ())


def test_weights_that_are_no_numbers_replace_nothing(store: Checkpoints) -> None:
    before = {name: (store.folder / name).read_bytes() for name in names(store)}
    with pytest.raises(RunFailedError, match="the weight 'w' is not finite") as caught:
        store.write(marks(4), state(float("nan")), [])
    assert caught.value.status == "loss_diverged"
    with pytest.raises(RunFailedError, match="not finite"):
        store.keep_best(4, weights(float("inf")))
    assert {name: (store.folder / name).read_bytes() for name in names(store)} == before


@pytest.mark.parametrize(
    ("kind", "key", "value", "said"),
    [
        ("options", "lr", "0.02", "with lr 0.01, this one has 0.02"),
        ("options", "lora", "True", "with lora None, this one has True"),
        ("options", "E0s", "{1: -1.6}", "with E0s"),
        ("data", "train.xyz", "cd", "another train.xyz"),
    ],
)
def test_a_checkpoint_of_another_training_is_not_taken(
    store: Checkpoints, kind: str, key: str, value: str, said: str
) -> None:
    other = {name: dict(part) for name, part in IDENTITY.items()}
    other[kind][key] = value
    with pytest.raises(RunFailedError, match=said) as caught:
        Checkpoints(store.folder, other, "stage", 24).newest()
    assert caught.value.status == "checkpoint_unusable"
    with pytest.raises(RunFailedError, match="has seed 24, this stage has 25"):
        Checkpoints(store.folder, IDENTITY, "stage", 25).newest()


def test_energies_that_differ_in_their_last_digits_are_the_same(store: Checkpoints) -> None:
    other = {"options": IDENTITY["options"] | {"E0s": "{1: -1.5000000000001}"}, "data": IDENTITY["data"]}
    assert Checkpoints(store.folder, other, "stage", 24).newest()[0] is not None


def test_what_a_continuation_may_change_and_places_are_no_part_of_what_is_compared(tmp_path: Path) -> None:
    (tmp_path / "train.xyz").write_text("frames")
    argv = [f"--train_file={tmp_path}/train.xyz", "--batch_size=4", "--max_num_epochs=9", "--lr=0.1", "--amsgrad"]
    found = identify(argv, tmp_path)
    assert found["options"] == {"train_file": "./train.xyz", "lr": "0.1", "amsgrad": ""}
    assert list(found["data"]) == ["train.xyz"]


def test_a_file_with_code_in_it_is_not_opened(store: Checkpoints) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (store.folder / "sprung",))

    torch.save({"model": Trap()}, store.folder / "state-000003.pt")
    with pytest.raises(RunFailedError, match=r"state-000003.pt can't be opened") as caught:
        store.tensors("state-000003.pt")
    assert caught.value.status == "checkpoint_unusable"
    assert not (store.folder / "sprung").exists()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_kill_at_any_moment_leaves_a_whole_generation(store: Checkpoints) -> None:
    last = 3
    for delay in (0.004, 0.011, 0.017, 0.023, 0.031, 0.042, 0.057, 0.071, 0.2, 1.0, 5.0):
        if delay > 0.1 and last > 3:
            break  # the longer ones are for machines that are busy with something else
        child = os.fork()
        if child == 0:
            for epoch in range(last + 1, 10000):
                store.keep_best(epoch, weights(epoch))
                store.write(marks(epoch, best=epoch), state(epoch), ["{}"] * epoch)
            os._exit(0)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        again = Checkpoints(store.folder, IDENTITY, "stage", 24)
        found, said = again.newest()
        assert found is not None and said == () and found.marks.epoch >= last
        assert again.tensors(f"state-{found.marks.epoch:06d}.pt")["model"]["w"][0] == found.marks.epoch
        assert again.best(found)["w"][0] == (found.marks.epoch if found.marks.epoch > 3 else 0.0)
        last, store = found.marks.epoch, again
    assert last > 3
