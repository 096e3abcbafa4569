"""The one table from a named remote status to an AiiDA exit code.

Bands: 2xx input refused, 3xx unusable, 4xx resumable, 5xx complete but scientifically failed, 7xx warnings.
0-199 belong to aiida-core; ``BaseRestartWorkChain`` owns 301, 302, 401 and 402.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """One row: the name in the manifest, the exit code, its label, its message, and whether a rerun can cure it.

    ``message`` may hold ``{detail}``, filled with the sentence from the manifest.
    ``transient`` rows invalidate the cache: the same inputs may well succeed the next time.
    """

    name: str
    code: int
    label: str
    message: str
    transient: bool = False


OK = "ok"
#: The band of exit codes of work that was done, but about which something must be known.
WARNING = 7

TABLE: tuple[Status, ...] = (
    Status("input_refused", 210, "ERROR_INPUT_REFUSED", "The input is refused: {detail}"),
    Status(
        "element_not_covered",
        211,
        "ERROR_ELEMENT_NOT_COVERED",
        "The model does not know an element that is needed: {detail} Choose a model that covers it, or train one.",
    ),
    Status(
        "e0_missing",
        212,
        "ERROR_E0_MISSING",
        "The energy of an isolated atom is missing: {detail} Give `e0s` in the stage, or add isolated atoms.",
    ),
    Status(
        "nothing_left",
        213,
        "ERROR_NOTHING_LEFT",
        "The filters left too few frames: {detail} Loosen the filter that dropped most.",
    ),
    Status(
        "geometry_refused",
        214,
        "ERROR_GEOMETRY_REFUSED",
        "The shot's geometry makes no sense: {detail}",
    ),
    Status(
        "split_leaks",
        215,
        "ERROR_SPLIT_LEAKS",
        "Training and test are not apart: {detail} Drop duplicates, or split by run.",
    ),
    Status(
        "mixed_levels",
        216,
        "ERROR_MIXED_LEVELS",
        "Labels of different levels of theory do not mix: {detail}",
    ),
    Status(
        "replay_missing",
        217,
        "ERROR_REPLAY_MISSING",
        "Replay was asked for without frames to replay: {detail} Give `replay`, or choose another method.",
    ),
    Status(
        "manifest_missing",
        310,
        "ERROR_MANIFEST_MISSING",
        "No result.json came back, so the run was cut off: {detail} Look at mlgun.err and the scheduler's output.",
        transient=True,
    ),
    Status(
        "checksum_mismatch",
        311,
        "ERROR_CHECKSUM_MISMATCH",
        "A retrieved file is not the one that was written: {detail} Run it again; check the disk and the transfer.",
        transient=True,
    ),
    Status(
        "schema_mismatch",
        312,
        "ERROR_SCHEMA_MISMATCH",
        "Workstation and compute machine run versions that do not fit: {detail} Install the same aiida-mlgun on both.",
    ),
    Status(
        "out_of_memory",
        313,
        "ERROR_OUT_OF_MEMORY",
        "The device ran out of memory: {detail} Lower `batch_size`, or ask for a larger device.",
        transient=True,
    ),
    Status(
        "unexpected",
        314,
        "ERROR_UNEXPECTED",
        "The run stopped on an error of its own: {detail} The traceback is in mlgun.err.",
        transient=True,
    ),
    Status(
        "model_not_rebuilt",
        315,
        "ERROR_MODEL_NOT_REBUILT",
        "The stored model does not give its recorded energies and forces: {detail} Import it anew from its source.",
    ),
    Status(
        "job_failed",
        316,
        "ERROR_JOB_FAILED",
        "A job ended with an exit code that is not this package's: {detail} See `verdi process report` for it.",
        transient=True,
    ),
    Status(
        "disk_full",
        317,
        "ERROR_DISK_FULL",
        "The compute machine's disk or quota is full: {detail} Make room there, then go on from what is kept.",
        transient=True,
    ),
    Status(
        "environment_changed",
        320,
        "ERROR_ENVIRONMENT_CHANGED",
        "The compute machine's environment is not the one that was probed: {detail} Probe the code again.",
        transient=True,
    ),
    Status(
        "wall_time",
        410,
        "ERROR_WALL_TIME",
        "The time ended before the run did: {detail} The finished part is kept; ask for more time or fewer shots.",
        transient=True,
    ),
    Status(
        "terminated",
        411,
        "ERROR_TERMINATED",
        "The scheduler ended the run: {detail} Run it again.",
        transient=True,
    ),
    Status(
        "checkpoint_unusable",
        412,
        "ERROR_CHECKPOINT_UNUSABLE",
        "No generation of the checkpoint can be read: {detail} Start again without it.",
        transient=True,
    ),
    Status(
        "loss_diverged",
        510,
        "ERROR_LOSS_DIVERGED",
        "Training diverged: {detail} Start again with a tenth of the learning rate, and look for bad labels.",
    ),
    Status(
        "energy_drift",
        511,
        "ERROR_ENERGY_DRIFT",
        "Total energy is not conserved: {detail} Shorten `timestep_fs`, or use a model trained on such geometries.",
    ),
    Status(
        "shots_unresolved",
        512,
        "ERROR_SHOTS_UNRESOLVED",
        "Too many shots ended undecided: {detail} Raise `max_steps`, or loosen the decision rule.",
    ),
    Status(
        "e0s_changed",
        513,
        "ERROR_E0S_CHANGED",
        "The trained model does not hold the reference energies that were asked for: {detail} Please report this.",
    ),
    Status(
        "product_differs",
        514,
        "ERROR_PRODUCT_DIFFERS",
        "The trained model is not what was asked for: {detail} Please report this.",
    ),
    Status(
        "forgotten",
        515,
        "ERROR_FORGETTING",
        "An earlier test set was forgotten beyond the limit: {detail} Use method `replay` or `frozen`, or a lower lr.",
    ),
    Status(
        "shots_lost",
        710,
        "WARNING_SHOTS_LOST",
        "The campaign ended without some of its shots: {detail} Extend it: that shoots them again and counts the rest.",
    ),
    Status(
        "precision_missed",
        711,
        "WARNING_PRECISION_MISSED",
        "The campaign ended before the shares were known as asked: {detail} Extend it with more shots or start states.",
    ),
)

BY_NAME: dict[str, Status] = {row.name: row for row in TABLE}
BY_CODE: dict[int, Status] = {row.code: row for row in TABLE}


def markdown() -> str:
    """The table of exit codes as it stands in the documentation (``docs/topics/exit_codes.md``)."""
    lines = [
        "# Exit codes",
        "",
        "Made from `aiida_mlgun/contract/status.py`. 2xx: input refused. 3xx: unusable. 4xx: can be resumed.",
        "5xx: done, but scientifically failed. 7xx: done, with a warning. `{detail}` is the sentence from the run. A",
        "transient code is never a cache source.",
        "",
        "| code | name | transient | message |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row.code} | `{row.label}` | {'yes' if row.transient else 'no'} | {row.message} |"
        for row in sorted(TABLE, key=lambda row: row.code)
    ]
    return "\n".join(lines) + "\n"
