"""Official MACE models by name: where MACE's own cache keeps them."""

from __future__ import annotations

from pathlib import Path

from mace.calculators import foundations_models
from mace.tools.utils import get_cache_dir

from ...contract.errors import RefusedError


def cached_path(name: str) -> Path:
    """The file that MACE's downloader has put into its cache for ``name``.

    :raises RefusedError: for a name MACE does not know, or a model that is not on this machine.
    """
    addresses: dict[str, str] = {
        str(key): str(url) for key, url in foundations_models.mace_mp_urls.items() if key is not None
    }
    if name not in addresses:
        raise RefusedError(f"{name!r} is no official MACE model. Known: {', '.join(sorted(addresses))}.")
    stem = "".join(c for c in Path(addresses[name]).name if c.isalnum() or c in "_")
    path = Path(get_cache_dir()) / stem
    if not path.is_file():
        raise RefusedError(
            f"the model {name!r} is not in MACE's cache on this machine (looked for {stem}). Fetch it there once with "
            f"mace's own tools, or give the file's path."
        )
    return path
