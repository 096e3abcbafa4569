"""The root command, and how refusals reach the user: one sentence, exit code 1."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click
from aiida.cmdline.groups import VerdiCommandGroup
from aiida.cmdline.params import options, types
from aiida.cmdline.utils import echo
from aiida.common.exceptions import InvalidOperation, NotExistent

from .. import __version__
from ..contract.errors import RefusedError

#: What AiiDA puts before a validator's sentence.
_FRAME = re.compile(r"^(invalid attribute value |Error occurred validating port '[^']*': )+")

F = TypeVar("F", bound=Callable[..., Any])


@click.group("aiida-mlgun", cls=VerdiCommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@options.PROFILE(type=types.ProfileParamType(load_profile=True), expose_value=False)
@click.version_option(__version__)
def cli() -> None:
    """Curate reference data, fine-tune MACE stage by stage, shoot molecules at surfaces."""


def refusals(function: F) -> F:
    """Turn a refusal, from the package or from a port's validator, into one sentence."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (RefusedError, NotExistent, InvalidOperation) as error:
            echo.echo_critical(str(error))
        except OSError as error:
            echo.echo_critical(f"{error.filename}: {error.strerror}." if error.filename else str(error))
        except ValueError as error:  # a port's validator: keep its sentence, drop the frame around it
            echo.echo_critical(_FRAME.sub("", str(error)))

    return wrapper  # type: ignore[return-value]
