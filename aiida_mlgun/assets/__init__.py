"""What ships with the package: the compact foundation model, fine-tuned stages, and small real datasets."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
COMPACT_MODEL = "mlgun-compact-1"
LICENCE = "MIT"  # of all datasets that ship


def shipped_models() -> dict[str, Path]:
    """Name → folder of each shipped model."""
    return {folder.name: folder for folder in sorted((FOLDER / "models").iterdir()) if folder.is_dir()}


def dataset(name: str) -> Path:
    """The file of a shipped dataset, such as ``si001_c2hx_gfn1``."""
    return FOLDER / "data" / f"{name}.extxyz.xz"


def slab() -> Path:
    """A relaxed, hydrogen-backed 2×2 Si(001) slab (extended XYZ)."""
    return FOLDER / "data" / "si001_2x2.extxyz"
