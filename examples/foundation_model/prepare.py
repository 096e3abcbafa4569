"""Labelled extended XYZ files → the folder of a train job: train.npz, validation.npz, test.npz.

Frames go where their ``split`` tag says; the held-out frames of the first file are the test set as well.

Usage:  python prepare.py data/distill.extxyz.xz data/round_1.extxyz.xz --out round_1
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from aiida_mlgun.contract import files
from aiida_mlgun.data.importing import import_file
from aiida_mlgun.remote.io import write_frames
from aiida_mlgun.science.frames import concatenate
from aiida_mlgun.science.splits import by_tag


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labelled", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    sets = [replace(import_file(path).frames, stress=None) for path in args.labelled]
    together = concatenate(sets)
    sides = by_tag(together.tag("split"))
    args.out.mkdir(parents=True, exist_ok=True)
    write_frames(args.out / files.TRAIN, together.select(sides["train"]))
    write_frames(args.out / files.VALIDATION, together.select(sides["validation"]))
    write_frames(args.out / files.TEST, sets[0].select(by_tag(sets[0].tag("split"))["validation"]))
    print({side: len(index) for side, index in sides.items()})


if __name__ == "__main__":
    main()
