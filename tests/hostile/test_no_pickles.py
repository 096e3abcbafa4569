"""Nothing on the workstation opens a pickle or runs text; on the compute machine one door does, and it asks first."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import aiida_mlgun

PACKAGE = Path(aiida_mlgun.__file__).parent
BOTH = ["contract", "science", "reading"]
WORKSTATION = [*BOTH, "report", "data", "calculations", "parsers", "workflows", "queries", "cli", "assets"]
MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "torch", "mace", "safetensors"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
#: Calls that are safe with this argument alone.
NEEDS = {
    "np.load": ("allow_pickle", False),
    "np.lib.format.read_array": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
}
LOADERS = {"load", "full_load", "unsafe_load", "load_all"}


def files_of(*rooms: str) -> list[Path]:
    found = [path for room in rooms for path in sorted((PACKAGE / room).rglob("*.py"))]
    assert len(found) >= len(rooms)
    return found


def offences(tree: ast.AST) -> Iterator[str]:
    """What in a module could run what a file holds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield f"from {node.module}"
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
            if name in CALLS or name.endswith(("read_pickle", "to_pickle")):
                yield name
            if name in NEEDS and given.get(NEEDS[name][0]) is not NEEDS[name][1]:
                yield f"{name} without {NEEDS[name][0]}"
            if name.startswith("yaml.") and name.removeprefix("yaml.") in LOADERS:
                yield name
            if given.get("allow_pickle") or given.get("shell"):
                yield f"{name} with allow_pickle or shell"


@pytest.mark.parametrize("path", files_of(*WORKSTATION), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_of_the_workstation_runs_what_a_file_holds(path: Path) -> None:
    assert list(offences(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "np.load(f)",
        "np.load(f, allow_pickle=True)",
        "yaml.load(f)",
        "pd.read_pickle(f)",
        "eval(t)",
        "subprocess.run(w, shell=True)",
        "import torch.nn",
    ],
)
def test_the_scan_sees(text: str) -> None:
    assert list(offences(ast.parse(text)))


def test_on_the_compute_machine_pickles_come_in_through_one_door() -> None:
    doors = {}
    for path in files_of("remote"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "torch.jit.load"):
                weights_only = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
                if weights_only.get("weights_only") is not True:
                    doors.setdefault(path.name, []).append(ast.unparse(node.func))
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"} & set(names), path.name
    # trust.py compares the sha256 first; export.py reads back the file that it has just written
    assert doors == {"trust.py": ["torch.load"], "export.py": ["torch.load"]}


LOOK = """
import sys
from pathlib import Path

def refuse(event, arguments):
    if event == "pickle.find_class":
        print("OPENED", event, arguments, flush=True)

sys.addaudithook(refuse)
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.files import MODEL_FILES
from aiida_mlgun.data.importing import import_file
from aiida_mlgun.data.model import describe
from aiida_mlgun.science.npz import unpack

content = Path(sys.argv[1]).read_bytes()
attempts = [
    lambda: unpack(content),
    lambda: describe(dict.fromkeys(MODEL_FILES, content), {}),
    *(lambda name=name: import_file(Path(name)) for name in sys.argv[1:]),
]
for attempt in attempts:
    try:
        attempt()
        print("READ")
    except RefusedError as error:
        print("refused:", error)
"""


def test_pickles_under_other_names_are_refused_unopened(tmp_path: Path) -> None:
    import pickle
    import zipfile

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (print, ("OPENED by the trap",))

    names = []
    for name in ("frames.npz", "md.xyz", "md.traj", "vasprun.xml", "OUTCAR", "weights.safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap()))
        names.append(str(tmp_path / name))
    torch_like = tmp_path / "model.extxyz"  # a zip with a pickle in it, as torch.save writes
    with zipfile.ZipFile(torch_like, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Trap()))
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *names, str(torch_like)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2 + len(names) + 1
    assert all(line.startswith("refused: ") for line in lines), done.stdout
