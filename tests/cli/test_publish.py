"""``aiida-mlgun publish``: what is in the folder, and that its README's commands give the same numbers elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from aiida import orm
from click.testing import Result

from aiida_mlgun.data.shots import ShotsData
from tests.campaigns import Stored, campaign, reclassify, trained_model
from tests.nodes import chemistry

Run = Callable[..., Result]
Refusal = Callable[..., str]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def stored(aiida_profile: Any) -> Stored:
    """A campaign of which one batch was judged again, and another with the same model."""
    aiida_profile.reset_storage()
    model = trained_model()
    found = campaign(model=model)
    reclassify(found.batches[1], orm.Dict({**chemistry(), "bonds": {"make": 1.2}}))
    campaign([{"shots": (50, 51)}], model)
    return found


@pytest.fixture(scope="module")
def published(stored: Stored, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    from aiida_mlgun.cli import cli
    from tests.cli.conftest import _invoke

    folder = tmp_path_factory.mktemp("published") / "out"
    words = ("publish", stored.gun.pk, "-o", folder, "--author", "Curie, Marie; Sorbonne", "--licence", "CC-BY-4.0")
    result = _invoke(cli, (*words, "--data-licence", f"{stored.gun.inputs.slab.pk}=CC0-1.0"))
    assert result.exit_code == 0, result.output
    return folder, result


def test_the_folder_holds_what_the_readme_names(published: tuple[Path, Result], stored: Stored) -> None:
    folder, _ = published
    short = stored.gun.uuid[:8]
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    wanted = {"README.md", "LICENCES.md", "CITATION.cff", "SHA256SUMS", "campaign.aiida", "provenance.json"}
    wanted |= {f"{short}/{name}" for name in ("report.html", "shots.csv", "counts.csv")}
    assert wanted <= names
    assert any(name.startswith(f"{short}/figures/") for name in names)
    cards = {(folder / name).read_text().splitlines()[0] for name in names if name.startswith("models/")}
    assert cards == {"# fine", "# parent"}
    assert not folder.with_name("out.partial").exists()


def test_licences_are_collected_and_missing_ones_named(published: tuple[Path, Result], stored: Stored) -> None:
    folder, result = published
    rows = {
        line.split("|")[1].split(" (")[0].strip(): line
        for line in (folder / "LICENCES.md").read_text().splitlines()[4:]
    }
    assert "CC-BY-4.0" in rows["fine.extxyz"] and "CC0-1.0" in rows["Si(001)"]
    assert "MIT" in rows["parent"] and "MIT" in rows["fine"]
    assert "**not stated**" in rows["C2H2"]
    gas = stored.gun.inputs.molecule.pk
    warned = [line for line in result.output.splitlines() if "Warning" in line]
    assert len(warned) == 1 and f"--data-licence {gas}=LICENCE" in warned[0]


def test_the_citation_is_one(published: tuple[Path, Result]) -> None:
    found = yaml.safe_load((published[0] / "CITATION.cff").read_text())
    assert found["authors"] == [{"family-names": "Curie", "given-names": "Marie", "affiliation": "Sorbonne"}]
    assert (found["cff-version"], found["license"], found["type"]) == ("1.2.0", "CC-BY-4.0", "dataset")


def test_the_readmes_commands_give_the_same_numbers_in_a_fresh_profile(
    published: tuple[Path, Result], stored: Stored, tmp_path: Path
) -> None:
    folder, _ = published
    text = (folder / "README.md").read_text(encoding="utf-8")
    blocks = text.split("```console\n")[1:]
    commands = [line.removeprefix("$ ") for block in blocks for line in block.split("```")[0].splitlines()]
    assert sum("shots query" in command for command in commands) == 3
    home = tmp_path / "home"
    env = os.environ | {
        "AIIDA_PATH": str(home),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONWARNINGS": "ignore",
    }
    for command in commands:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command], cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        if command.endswith("--count"):
            assert done.stdout.strip() in text
    again, first = pd.read_csv(folder / "again.csv"), pd.read_csv(folder / stored.gun.uuid[:8] / "shots.csv")
    same = ["shot", "seed", "outcome", "batch_uuid", "model_uuid", "model_hash", "end_fs", "slab", "created"]
    pd.testing.assert_frame_equal(again[same], first[same])
    assert again["outcome"].tolist() == 2 * ["on_top CC", "on_top CC", "intact"]
    assert "`--judged latest` shows that" in text
    script = (
        "from aiida import load_profile, orm; load_profile(); from aiida_mlgun.data.shots import ShotsData\n"
        "import aiida_mlgun; nodes = orm.QueryBuilder().append(ShotsData).all(flat=True)\n"
        "print(len(nodes)); print(sorted(row['what'] for row in aiida_mlgun.trace(nodes[0]).origins()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["3", "['C2H2', 'Si(001)', 'fine.extxyz', 'parent']"]  # not the other campaign's
    assert orm.QueryBuilder().append(ShotsData).count() == 4


def test_refusals(refusal: Refusal, stored: Stored, tmp_path: Path) -> None:
    assert "name the workflows to publish" in refusal("publish")
    assert "exists already" in refusal("publish", stored.gun.pk, "-o", tmp_path)
    target = tmp_path / "new"
    assert "write NODE=LICENCE" in refusal("publish", stored.gun.pk, "-o", target, "--data-licence", "MIT")
    assert "'Family, Given'" in refusal("publish", stored.gun.pk, "-o", target, "--author", ", Marie")
    running = campaign([{"shots": (90,)}], seal=False)
    assert "has not ended" in refusal("publish", running.gun.pk, "-o", target)
    assert "a report is made of" in refusal("publish", stored.batches[0].creator.pk, "-o", target)
    assert list(tmp_path.iterdir()) == []
