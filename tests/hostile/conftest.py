"""The command line as the tests of the room ``cli`` call it."""

from tests.cli.conftest import refusal, run  # noqa: F401
