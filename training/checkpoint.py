"""The state of a training on disk, from which a killed one goes on."""

import pickle
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch


class Checkpoint:
    """One file in a folder of its own; the file is whole or not there.

    `identity`: what the state belongs to, rows and recipe in one hash. A state of another training is passed over.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder = folder
        self._file = folder / "state.pt"
        self._identity = identity

    def save(self, state: dict[str, Any]) -> str | None:
        """Keep a state of tensors, numbers, strings, lists and dicts. Gives back why it could not be kept, if so: the
        training itself needs no checkpoint to go on."""
        arriving = self._file.with_suffix(".new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            torch.save({"identity": self._identity, "state": state}, arriving)
            arriving.replace(self._file)
        except (OSError, RuntimeError) as error:
            with suppress(OSError):
                arriving.unlink(missing_ok=True)
            # A full disk torch's writer tells by RuntimeError, in words of its own file format.
            reason = error.strerror if isinstance(error, OSError) else f"is the disk full? {self._free()} MB are free"
            return f"{self._folder}: {reason}"
        return None

    def load(self) -> dict[str, Any] | None:
        """The state of this very training, if one was kept."""
        if not self._file.is_file():
            return None
        try:
            kept = torch.load(self._file, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
            return None  # not whole, or not ours: the training starts anew, which is what it would do without
        if not isinstance(kept, dict) or kept.get("identity") != self._identity:
            return None
        state: dict[str, Any] = kept["state"]
        return state

    def clear(self) -> None:
        """The training is done, and its result safe."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _free(self) -> int:
        return shutil.disk_usage(self._folder).free // 1_000_000
