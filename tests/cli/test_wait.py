"""Waiting for a process at the terminal."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from aiida import orm
from aiida.engine import ProcessState
from aiida.manage import get_manager

from aiida_mlgun.cli.wait import wait_for


@pytest.fixture
def chain() -> orm.WorkChainNode:
    node = orm.WorkChainNode()
    node.set_process_state(ProcessState.RUNNING)
    return node.store()


def _end(node: orm.WorkChainNode, holder: sqlite3.Connection) -> None:
    """Give the database back, then let the process end, as the daemon would in a process of its own."""
    time.sleep(8.0)  # SQLite waits 5 s for a lock before it gives up
    holder.rollback()
    holder.close()


def test_a_locked_database_does_not_end_the_waiting(chain: orm.WorkChainNode) -> None:
    database = Path(get_manager().get_profile_storage().filepath_database)
    holder = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    chain.set_process_state(ProcessState.FINISHED)
    holder.execute("begin exclusive")
    thread = threading.Thread(target=_end, args=(chain, holder))
    thread.start()
    begin = time.monotonic()
    wait_for(chain, poll=0.2)
    thread.join()
    assert time.monotonic() - begin >= 8.0
    assert chain.is_finished  # the node is as good as before
