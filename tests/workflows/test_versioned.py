"""A calculation function's cached result is the result of this version."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest
from aiida import orm
from aiida.manage.caching import enable_caching

from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.workflows import functions
from aiida_mlgun.workflows.functions import versioned
from aiida_mlgun.workflows.functions.frames import merge_raw
from tests.nodes import acetylene, labelled


def merged() -> orm.ProcessNode:
    node = FramesData(labelled(acetylene()))
    _, process = merge_raw.run_get_node(allow_mixed_levels=orm.Bool(False), a=node)
    assert isinstance(process, orm.ProcessNode)
    return process


def test_another_version_does_the_work_again(aiida_profile_clean: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with enable_caching():
        first = merged()
        assert merged().base.caching.get_cache_source() == first.uuid
        monkeypatch.setattr(versioned, "__version__", "99.0")
        assert merged().base.caching.get_cache_source() is None


def test_every_calculation_function_is_versioned() -> None:
    found = {}
    for module in pkgutil.iter_modules(functions.__path__, functions.__name__ + "."):
        for name, thing in vars(importlib.import_module(module.name)).items():
            ours = getattr(thing, "is_process_function", False) and thing.__module__ == module.name
            if ours and issubclass(thing.node_class, orm.CalcFunctionNode):  # AiiDA caches no workflow
                found[name] = getattr(thing, "is_valid_cache", None)
    assert len(found) >= 12
    assert {name for name, check in found.items() if check is None} == set()
