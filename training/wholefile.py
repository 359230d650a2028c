"""Files that are whole or not there."""

from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and then move it there: what was there before stays until the new one is whole.

    Raises OSError, naming the file; then nothing of the new one is left behind.
    """
    unfinished = path.with_name(f".{path.name}.part")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        error.filename, error.filename2 = str(path), None
        raise
