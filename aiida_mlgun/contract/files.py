"""Every file name that crosses between the machines."""

from __future__ import annotations

JOB = "job.json"
ENVIRONMENT = "environment.json"
MANIFEST = "result.json"
PROGRESS = "progress.json"
STDOUT = "mlgun.out"
STDERR = "mlgun.err"
SCHEDULER_STDERR = "_scheduler-stderr.txt"

FRAMES = "frames.npz"
SOURCES = "sources.npz"
TRAIN = "train.npz"
VALIDATION = "validation.npz"
TEST = "test.npz"
CURATION = "curation.json"
FATES = "fates.npz"
SUBSET = "train_{:06d}.npz"

MODEL_WEIGHTS = "weights.safetensors"
MODEL_CONFIG = "config.json"
MODEL_PROBE = "probe.json"
MODEL_FILES = (MODEL_WEIGHTS, MODEL_CONFIG, MODEL_PROBE)
PARENT_MODEL = "parent_model"
MODEL = "model"
COMMITTEE = "committee_{}"
FOREIGN_MODEL = "foreign.model"
TRAINING = "training.json"
REPLAY = "replay.npz"
CHECKPOINT = "checkpoint"
EXPORT = "model.export"

PREDICTIONS = "predictions.npz"
ERRORS = "errors.json"

POOL = "pool.npz"
DESCRIPTORS = "descriptors.npz"
COVERAGE = "coverage.json"

SLAB = "slab.npz"
MOLECULE = "molecule.npz"
SLAB_STATES = "slab_states.npz"
MOLECULE_STATES = "molecule_states.npz"
EQUILIBRATION = "equilibration.json"

SHOTS = "shots.npz"
TRAJECTORIES = "trajectories.npz"

MACHINE = "machine.json"
