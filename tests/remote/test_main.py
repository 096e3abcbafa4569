"""Every end is a manifest, written last; and the compute machine needs no AiiDA."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aiida_mlgun.contract import files, manifest
from aiida_mlgun.contract.jobs import CurateJob, EvaluateJob, TrainJob, to_json
from aiida_mlgun.contract.manifest import Manifest, sha256_file
from aiida_mlgun.contract.status import BY_NAME
from aiida_mlgun.contract.training import Architecture, Stage
from aiida_mlgun.remote import curate
from aiida_mlgun.remote.claim import Claim
from aiida_mlgun.remote.io import write_frames
from aiida_mlgun.remote.main import main
from aiida_mlgun.remote.result import RunResult
from aiida_mlgun.science.frames import Frames

MLGUN = [sys.executable, "-m", "aiida_mlgun.remote"]
NO_AIIDA = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("aiida", "aiida_shell"):
            raise ImportError(f"{name} is not on this machine")

sys.meta_path.insert(0, Blocked())
"""


def ended(folder: Path) -> Manifest:
    return manifest.parse((folder / files.MANIFEST).read_text())


@pytest.fixture
def job(tmp_path: Path, make_frames: Callable[..., Frames]) -> Path:
    """A curate job that ends well."""
    write_frames(tmp_path / files.FRAMES, make_frames(20))
    path = tmp_path / files.JOB
    path.write_text(to_json(CurateJob(seed=5)))
    return path


@pytest.fixture
def run_instead(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Put another function in place of what curate does."""
    return lambda function: monkeypatch.setattr(curate, "run", function)


def test_a_good_end_is_a_manifest_with_the_outputs_checksums(job: Path) -> None:
    assert main(["curate", str(job)]) == 0
    told = ended(job.parent)
    assert (told.status, told.detail, told.verb, told.seed, told.device) == ("ok", "", "curate", 5, "cpu")
    assert told.numbers["n_train"] == 19
    assert set(told.outputs) == {files.TRAIN, files.VALIDATION, files.CURATION, files.FATES}
    assert all(sha256_file(job.parent / name) == digest for name, digest in told.outputs.items())
    assert 0 <= told.wall_seconds < 60


def test_the_manifest_of_an_earlier_run_is_gone_while_the_next_one_runs(
    job: Path, run_instead: Callable[[Callable[..., Any]], None]
) -> None:
    (job.parent / files.MANIFEST).write_text("old")
    seen: list[bool] = []

    def look(job: CurateJob, folder: Path) -> RunResult:
        seen.append((folder / files.MANIFEST).exists())
        (folder / "late").write_text("an output")
        return RunResult(("late",))

    run_instead(look)
    assert main(["curate", str(job)]) == 0
    assert seen == [False]
    assert ended(job.parent).outputs == {"late": sha256_file(job.parent / "late")}
    assert not list(job.parent.glob("*.part"))


@pytest.mark.parametrize(
    ("text", "status", "sentence"),
    [
        ('{"keep_every": 0}', "input_refused", "keep_every must be at least 1"),
        ('{"kep_every": 2}', "input_refused", "unknown key 'kep_every'"),
        ('{"keep_every": ', "input_refused", "not JSON"),
        ('{"schema": 99}', "schema_mismatch", "has schema 99"),
    ],
)
def test_a_refused_job_is_a_manifest(
    job: Path, capsys: pytest.CaptureFixture[str], text: str, status: str, sentence: str
) -> None:
    job.write_text(text)
    assert main(["curate", str(job)]) == 1
    told = ended(job.parent)
    assert told.status == status
    assert sentence in told.detail
    assert told.outputs == {}
    assert sentence in capsys.readouterr().err


def test_an_unknown_verb_is_a_manifest(job: Path) -> None:
    assert main(["polish", str(job)]) == 1
    told = ended(job.parent)
    assert (told.verb, told.status) == ("polish", "input_refused")
    assert "Known: convert, curate, train" in told.detail


def test_a_missing_job_is_a_manifest(tmp_path: Path) -> None:
    assert main(["curate", str(tmp_path / files.JOB)]) == 1
    assert ended(tmp_path).status == "input_refused"
    assert "no file job.json" in ended(tmp_path).detail


def test_a_missing_input_is_a_manifest(job: Path) -> None:
    (job.parent / files.FRAMES).unlink()
    assert main(["curate", str(job)]) == 1
    assert ended(job.parent).detail == "the file frames.npz is missing from the job's folder."


def test_a_folder_that_is_not_there_is_an_exit_code(tmp_path: Path) -> None:
    assert main(["curate", str(tmp_path / "nowhere" / files.JOB)]) == 1
    assert not (tmp_path / "nowhere").exists()


def test_a_run_in_a_folder_that_is_held_waits_and_reports_the_other_ones_end(
    job: Path,
) -> None:
    other = Claim(job.parent)
    assert other.take()
    codes: list[int] = []
    second = threading.Thread(target=lambda: codes.append(subprocess.call([*MLGUN, "curate", str(job)])))
    second.start()
    time.sleep(3.0)
    assert second.is_alive() and not (job.parent / files.MANIFEST).exists()
    told = Manifest(manifest.SCHEMA, "curate", "wall_time", "of the other", 5, "cpu", 1.0)
    manifest.write(job.parent, told)
    other.release()
    second.join(timeout=60)
    assert codes == [1]  # as the other run ended, not as this one would have
    assert ended(job.parent) == told


@pytest.mark.parametrize("room", [1 << 12, 0])
def test_a_disk_that_is_full_from_the_start_is_told_where_a_manifest_fits(job: Path, room: int) -> None:
    """As with a quota that is used up: no file may become larger than ``room`` bytes."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))"
    code = f"import sys; {limit}; from aiida_mlgun.remote.main import main; sys.exit(main(['curate', {str(job)!r}]))"
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the job's folder could not be claimed: [Errno 27] File too large" in done.stderr
    assert not list(job.parent.glob("claim-*")) and not list(job.parent.glob("*.part"))
    if room:
        assert ended(job.parent).status == "disk_full"
    else:
        assert not (job.parent / files.MANIFEST).exists()


class OutOfMemoryError(RuntimeError):
    """Torch's, by name."""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ZeroDivisionError("by nought"), "unexpected"),
        (SystemExit(2), "unexpected"),
        (MemoryError(), "out_of_memory"),
        (OutOfMemoryError("2 GiB"), "out_of_memory"),
        (RuntimeError("[enforce fail] . DefaultCPUAllocator: can't allocate memory: 9 bytes"), "out_of_memory"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "disk_full"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "disk_full"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "out_of_memory"),
        (ImportError("a.so: failed to map segment from shared object: Operation not permitted"), "unexpected"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "disk_full"),
    ],
)
def test_whatever_is_raised_is_a_manifest(
    job: Path,
    run_instead: Callable[[Callable[..., Any]], None],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: str,
) -> None:
    def fail(job: CurateJob, folder: Path) -> RunResult:
        raise error

    run_instead(fail)
    assert main(["curate", str(job)]) == 1
    told = ended(job.parent)
    assert told.status == status
    assert told.status in BY_NAME
    if status == "unexpected":
        assert type(error).__name__ in told.detail
        assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("result", [RunResult(("never_written",)), RunResult((), {"error": float("nan")})])
def test_a_result_that_cannot_be_told_is_a_manifest(
    job: Path, run_instead: Callable[[Callable[..., Any]], None], result: RunResult
) -> None:
    run_instead(lambda job, folder: result)
    assert main(["curate", str(job)]) == 1
    told = ended(job.parent)
    assert (told.status, told.outputs, set(told.numbers)) == ("unexpected", {}, {"peak_MiB"})


def test_a_status_that_is_not_ok_keeps_its_outputs(
    job: Path, run_instead: Callable[[Callable[..., Any]], None]
) -> None:
    def half(job: CurateJob, folder: Path) -> RunResult:
        (folder / "half").write_text("of it")
        return RunResult(("half",), {"done": 3}, "wall_time", "3 of 6.")

    run_instead(half)
    assert main(["curate", str(job)]) == 1
    told = ended(job.parent)
    assert (told.status, told.numbers["done"], list(told.outputs)) == ("wall_time", 3, ["half"])
    assert 10 < told.numbers["peak_MiB"] < 1e5


def test_a_signal_is_not_swallowed_by_code_that_catches_exceptions(
    job: Path, run_instead: Callable[[Callable[..., Any]], None]
) -> None:
    def deaf(job: CurateJob, folder: Path) -> RunResult:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        except Exception:  # noqa: BLE001  as MACE does
            return RunResult(())
        return RunResult(())

    before = signal.getsignal(signal.SIGTERM)
    run_instead(deaf)
    assert main(["curate", str(job)]) == 1
    assert (ended(job.parent).status, ended(job.parent).detail) == ("terminated", "signal SIGTERM came.")
    assert signal.getsignal(signal.SIGTERM) is before


def test_without_aiida_frames_become_a_model_and_its_errors(tmp_path: Path, make_frames: Callable[..., Frames]) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_AIIDA)
    paths = os.pathsep.join([str(tmp_path / "site"), *filter(None, sys.path)])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}

    def mlgun(folder: Path, job: CurateJob | TrainJob | EvaluateJob) -> Manifest:
        (folder / files.JOB).write_text(to_json(job))
        command = [sys.executable, "-m", "aiida_mlgun.remote", job.verb, str(folder / files.JOB)]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return ended(folder)

    blocked = [sys.executable, "-c", "import aiida"]
    refused = subprocess.run(blocked, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert "aiida is not on this machine" in refused.stderr

    write_frames(tmp_path / files.FRAMES, make_frames(12))
    assert mlgun(tmp_path, CurateJob(validation=0.25)).numbers["n_train"] == 9
    tiny = Architecture(r_max=3.0, channels=4, max_ell=1, interactions=1, correlation=1, bessel=4, radial_mlp=(8,))
    stage = Stage(epochs=1, batch_size=4, e0s="given", e0_values={"H": -1.5})
    trained = mlgun(tmp_path, TrainJob(stage, parent=False, architecture=tiny, device="cpu", threads=1))
    assert trained.versions["torch"]
    assert f"{files.MODEL}/{files.MODEL_WEIGHTS}" in trained.outputs
    (tmp_path / files.VALIDATION).rename(tmp_path / files.FRAMES)
    scored = mlgun(tmp_path, EvaluateJob(device="cpu", threads=1))
    assert scored.numbers["n_frames"] == 3
    assert scored.numbers["rmse_forces"] == pytest.approx(trained.numbers["validation_rmse_forces"], rel=1e-6)
    errors = json.loads((tmp_path / files.ERRORS).read_text())["all"]
    assert errors == {name: value for name, value in scored.numbers.items() if name != "peak_MiB"}
