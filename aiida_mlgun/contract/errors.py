"""The errors that carry one sentence for the user and, across the wire, the name of a status."""

from __future__ import annotations


class RefusedError(ValueError):
    """Input that cannot give a right result; the message says what is wrong, where, and what to do."""

    status = "input_refused"

    def __init__(self, message: str, *, status: str | None = None) -> None:
        super().__init__(message)
        if status is not None:
            self.status = status


class RunFailedError(RuntimeError):
    """A run that started and could not end well; ``status`` is a name from :mod:`aiida_mlgun.contract.status`."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status
