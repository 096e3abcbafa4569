from __future__ import annotations
from pathlib import Path
from aiida_mlgun.report.page import write
def test_writes(report, tmp_path):
    assert write(report, Path("/tmp/helperc/out")).exists()
