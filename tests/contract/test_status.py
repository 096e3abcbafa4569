from __future__ import annotations

from pathlib import Path

from aiida_mlgun.contract.status import BY_CODE, BY_NAME, TABLE, markdown


def test_names_and_codes_are_unique() -> None:
    assert len(BY_NAME) == len(BY_CODE) == len(TABLE)
    assert len({row.label for row in TABLE}) == len(TABLE)


def test_codes_keep_to_their_bands_and_leave_the_reserved_ones() -> None:
    assert {row.code // 100 for row in TABLE} <= {2, 3, 4, 5, 7}
    assert not {row.code for row in TABLE} & {301, 302, 401, 402}


def test_every_message_has_room_for_the_detail() -> None:
    assert all("{detail}" in row.message for row in TABLE)


def test_the_documentation_shows_this_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "topics" / "exit_codes.md"
    assert page.read_text(encoding="utf-8") == markdown()
