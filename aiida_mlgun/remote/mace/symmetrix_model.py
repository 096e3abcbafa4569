"""A MACE model run by symmetrix-xl 0.1.1: compiled for this model, splines in place of the radial networks.

The package is young and its batched calls have private names; all of them stand in this file.  It reads a model as
JSON, which is made here in memory from the rebuilt model: its own converter would open a pickle.

At run time it compiles a kernel for the model with a C++20 compiler and keeps it in a private folder (mode 0700):
``SYMMETRIX_JIT_CACHE`` names it, by default it lies in the user's cache directory.
"""

from __future__ import annotations

import copy
import io
import json
import os
import shlex
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols
from e3nn import o3
from numpy.typing import NDArray

from ...contract.errors import RefusedError
from .correlation import raised
from .heads import only_head
from .loading import pickles_stay_refused
from .rebuild import MaceModel

#: Points of the radial splines.  Forces then lie within about 1e-6 of the largest; with the package's own 256 within
#: 9e-5, 5 % faster for a large model; with 4096 within 1e-8, but the tables leave the cache: up to 45 % slower.
SPLINE_POINTS = 1024
#: How it computes, the first that can do the model.  Both give the same numbers to rounding; with ``capacity`` the
#: products of the first layer are compiled too and buffers are used twice: a quarter to two fifths less time on a CPU
#: (docs/topics/performance.md).  On a GPU the way it takes depends on the memory that is free, so not there.
_PROFILES = {"cpu": ("capacity", "speed"), "cuda": ("speed",)}
_COMPILERS = ("c++", "g++", "clang++")
#: The products are one long straight line of code: at its level GCC 12 looks for common parts in it for two minutes and
#: finds nothing that helps; with these 6 s, and the kernel is as fast.
_SWIFT = ("-fno-tree-pre", "-fno-code-hoisting")
Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


class SymmetrixModel:
    """One head of ``model`` for the elements ``numbers`` (atomic numbers, sorted), without isolated atoms' energies.

    :param dtype: ``float64`` or ``float32``; energies and forces come as float64 either way.
    :param device: ``cpu`` or ``cuda``: what the installed package has to be built for.
    :raises RefusedError: ``symmetrix-xl`` is not installed, can't do this model, or finds no compiler.

    ``note`` says why it does not compute in the fastest way; empty if it does.
    """

    def __init__(self, model: MaceModel, numbers: list[int], head: str, dtype: str, device: str = "cpu") -> None:
        if find_spec("symmetrix") is None:
            raise RefusedError("evaluator symmetrix: the package is not installed. Install aiida-mlgun[symmetrix].")
        if device != (backend := _backend()):
            raise RefusedError(f"evaluator symmetrix: the installed package computes on {backend}, not on {device}.")
        data = _extracted(model, numbers, head)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(data, file)
            file.flush()
            built, self.note = _built(file.name, dtype, _PROFILES[device])
        self._native = built.evaluator
        keys = (built.jit_cache_key, *(one.get("cache_key") for one in built.jit_operator_modules.values()))
        #: What the numbers' last digits hang on: its kernels' SHA-256, cut, made of source, compiler and CPU.
        self.kernels = tuple(key[:16] for key in keys if key)
        self._ordered = device == "cpu" and torch.get_num_threads() > 1
        self.r_max = float(data["r_cut"])
        self.numbers: list[int] = [int(z) for z in self._native.atomic_numbers]
        self._generation = 0

    def prepare(self, types: Ints, senders: Ints, receivers: Ints) -> None:
        """Take a graph of atoms of ``types`` (n,), places in ``numbers``, whose edges (e,) are sorted by sender."""
        self._senders, self._receivers, self._n = senders, receivers, len(types)
        counts = np.bincount(senders, minlength=len(types)).astype(np.int32)
        neighbours = np.ascontiguousarray(types[receivers])
        self._generation = self._native._prepare_factorized_graph(self._n, types, counts, receivers, neighbours)

    def compute(self, vectors: Floats, distances: Floats) -> tuple[Floats, Floats]:
        """Energies (n,), eV, and forces (n, 3), eV/Å, of the prepared graph.

        :param vectors: (e, 3), Å, receiver − sender; :param distances: (e,), in (0, r_max].
        """
        native = self._native
        native._compute_prepared_factorized(self._generation, vectors.reshape(-1), distances)
        energies = np.array(native.node_energies, dtype=np.float64)[: self._n]
        if self._ordered:
            return energies, self._summed()
        forces = native._reduce_atom_forces(self._n, self._senders, self._receivers, self._generation)
        return energies, np.array(forces, dtype=np.float64).reshape(self._n, 3)

    def _summed(self) -> Floats:
        """Forces (n, 3) from those of the edges, in the edges' order: its own sum with several threads takes whoever
        comes first, and every tenth step or so has other last digits."""
        edges = np.array(self._native.node_forces, dtype=np.float64).reshape(-1, 3)[: len(self._senders)]
        columns = [
            np.bincount(self._receivers, one, self._n) - np.bincount(self._senders, one, self._n) for one in edges.T
        ]
        return np.stack(columns, axis=1)


def _backend() -> str:
    """``cpu`` or ``cuda``: what the package's native part is built for."""
    with _quiet_start():
        import symmetrix

        symmetrix.load_backend()
        return str(symmetrix.selected_backend()["backend"])


def _extracted(model: MaceModel, numbers: list[int], head: str) -> dict[str, Any]:
    """The model in symmetrix's JSON; the energy of an isolated atom holds the model's shift alone."""
    layers, max_ell = int(model.num_interactions), int(o3.Irreps(model.spherical_harmonics.irreps_out).lmax)
    if (layers, max_ell) != (2, 3):
        message = f"two layers and max_ell 3 are needed, this model has {layers} and {max_ell}."
        raise RefusedError(f"evaluator symmetrix can't do this model: {message}")
    with pickles_stay_refused(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from symmetrix.extract_mace_data import _extract_single_head_data

        single = raised(copy.deepcopy(only_head(model, head)).to(device="cpu", dtype=torch.float64))
        single.atomic_energies_fn.atomic_energies.zero_()
        names = ", ".join(chemical_symbols[z] for z in numbers)
        try:
            data: dict[str, Any] = _extract_single_head_data(
                single, species=numbers, num_spline_points=SPLINE_POINTS, radial_format="compact"
            )
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise RefusedError(f"evaluator symmetrix can't do this model ({names}): {_first(error)}") from error
    return data


def _built(path: str, dtype: str, profiles: tuple[str, ...]) -> tuple[Any, str]:
    """The package's calculator with the compiled model, and a word on what failed before.

    Set-up: 1 s if the kernels are in the cache, else about 10.
    """
    failed: Exception | None = None
    note = ""
    for profile in profiles:
        with _quiet_start(_swift_compiler()):
            from symmetrix import Symmetrix

            try:
                return Symmetrix(path, dtype=dtype, execution_profile=profile, streamed_edges="direct"), note
            except (OSError, RuntimeError, ValueError) as error:
                failed, note = error, f"not by its profile {profile}: {_first(error)}"
    assert failed is not None
    if not (os.environ.get("CXX") or any(shutil.which(name) for name in _COMPILERS)):
        message = (
            f"evaluator symmetrix compiles a kernel when a job starts, and here is no C++20 compiler (looked "
            f"for $CXX, {', '.join(_COMPILERS)}). Load one in the code's prepend_text, or use evaluator: torch."
        )
        raise RefusedError(message) from failed
    raise RefusedError(f"evaluator symmetrix can't start: {_first(failed)}") from failed


def _swift_compiler() -> dict[str, str]:
    """``CXX`` with :data:`_SWIFT`, where the compiler knows these flags; else nothing."""
    try:
        command = [*shlex.split(os.environ.get("CXX") or _COMPILERS[0]), *_SWIFT]
        trial = [*command, "-fsyntax-only", "-x", "c++", os.devnull]
        known = subprocess.run(trial, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}
    return {"CXX": shlex.join(command)} if known else {}


@contextmanager
def _quiet_start(others: dict[str, str] | None = None) -> Iterator[None]:
    """The native part reads its number of threads, and whether to give advice, from the environment when loaded.

    :param others: more of the environment, meanwhile.
    """
    # "automatic" looks up who owns its BLAS at each product, by name: 18 ms a step.  "unsafe" uses it without asking,
    # which is safe where one thread calls it: a fifth less time for large models, and the same bits in every batch
    alone = torch.get_num_threads() == 1
    os.environ.setdefault("SYMMETRIX_HOST_WORKER_BLAS", "unsafe" if alone else "off")
    wanted = {"OMP_NUM_THREADS": str(torch.get_num_threads()), "KOKKOS_DISABLE_WARNINGS": "1", **(others or {})}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        # its kernel is built with -ffast-math and, once loaded, has the whole process take tiny numbers for zero
        torch.set_flush_denormal(False)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _first(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
