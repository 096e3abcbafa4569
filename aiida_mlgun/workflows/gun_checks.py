"""What ``mlgun.gun`` is refused for before anything is submitted."""

from __future__ import annotations

from typing import Any

from aiida import orm

from ..calculations.equilibrate import fits as system_fits
from ..contract.errors import RefusedError
from ..contract.strict import load, require
from ..data.tallied import steps
from .campaign import GunParameters, check_system
from .identity import differences, identity

STATES = ("slab_states", "molecule_states")


def fits(inputs: Any, context: Any) -> str | None:
    """The validator of all inputs together."""
    if "parameters" not in inputs:
        return None
    wrong = system_fits(inputs, context)
    if wrong:
        return wrong
    try:
        parameters = load(GunParameters, inputs["parameters"].get_dict(), "gun")
        if all(name in inputs for name in ("slab", "molecule", "model")):
            check_system(parameters, inputs["slab"].get_ase(), inputs["molecule"].get_ase(), inputs["model"].r_max)
        for name in STATES:
            if inputs.get(name) is None:
                continue
            if "velocities" not in inputs[name].base.attributes.get("has"):
                return f"{name} have no velocities (Å/fs)."
            if "model" in inputs:
                inputs["model"].check_covers(inputs[name].elements, name)
        if inputs.get("previous") is not None:
            check_previous(inputs)
    except RefusedError as error:
        return str(error)
    return None


def check_previous(inputs: Any) -> None:
    """Refuse to count shots together that are not of one sequence.

    :raises RefusedError: naming what differs.
    """
    previous: orm.Dict = inputs["previous"]
    counted = next(steps(previous), None)
    require(
        counted is not None and "about" in counted.inputs,
        "previous: give the output `tally` of a campaign, or let the extension make one of its shots.",
    )
    assert counted is not None
    missing = [name for name in STATES if inputs.get(name) is None]
    require(not missing, f"previous: give {' and '.join(missing)} too, those of the campaign that is extended.")
    hashes = (inputs[name].content_hash for name in ("model", *STATES))
    atoms = (inputs[name].get_ase() for name in ("slab", "molecule"))
    here = identity(inputs["parameters"].get_dict(), *hashes, *atoms)
    found = differences(counted.inputs.about.get_dict(), here)
    require(
        not found,
        f"previous: these shots are not of the same campaign: {'; '.join(found)}. Shots of different campaigns are "
        "never counted together; leave `previous` out, or give what was given there.",
    )
