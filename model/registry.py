"""From a reference to a bundle: `bundled`, or a folder."""

from pathlib import Path

from model.bundle import BUNDLED, MANIFEST, Bundle
from model.errors import UsageError


def resolve(reference: str) -> Bundle:
    """Open the bundle that a reference means. Raises UsageError if it means none, BundleError if it is damaged."""
    if reference == "bundled":
        return Bundle.open(BUNDLED)
    folder = Path(reference)
    if folder.is_dir() and not (folder / MANIFEST).is_file():
        raise UsageError(f"{folder} is no bundle: it has no {MANIFEST}")
    if not folder.is_dir():
        raise UsageError(f"there is no model '{reference}': give 'bundled' or a bundle's folder")
    return Bundle.open(folder)
