"""This machine's copies of the registry's bundles: each fetched once, whole or not at all, by whoever comes first."""

import fcntl
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from model.bundle import MANIFEST, Bundle, sha256_of
from model.errors import BundleError

# The champion, the one before it, and one more to go back to without a download.
KEPT = 3

# A folder that is being fetched into has no lock yet in its first moment.
FIRST_MOMENT_SECONDS = 60.0


class BundleCache:
    """A folder with one entry a bundle. Several processes may use it at once.

    An entry appears by rename, so that half a download never looks whole. Whoever uses an entry holds a shared lock on
    its folder (flock) for as long as the Bundle object lives; only one that nobody holds is ever removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def bundle(self, key: str, sha256: str | None, fetch: Callable[[Path], None]) -> Bundle:
        """The bundle under a key, fetched if it is not here or is damaged here.

        `sha256`: of the bundle's manifest, which in turn has that of each file; None takes any. `fetch`: writes the
        bundle's files into the empty folder that it is given. Raises BundleError if what it wrote is not whole or is
        another bundle, and what `fetch` raises.
        """
        entry = self.folder / key
        bundle = self._here(entry, sha256)
        if bundle is None:
            bundle = self._fetched(entry, sha256, fetch)
        with suppress(OSError):  # a cache that cannot be written still serves
            os.utime(entry)
            self._prune()
        return bundle

    def _here(self, entry: Path, sha256: str | None) -> Bundle | None:
        lock = _held(entry)
        if lock is None:
            return None
        try:
            bundle = _opened(entry, sha256)
            weakref.finalize(bundle, os.close, lock)
            return bundle
        except BundleError:
            # Only what was looked at: another process may have put a whole one in its place by now.
            with suppress(FileNotFoundError):
                if os.stat(entry).st_ino == os.fstat(lock).st_ino:
                    _remove(entry)
            os.close(lock)
            return None

    def _fetched(self, entry: Path, sha256: str | None, fetch: Callable[[Path], None]) -> Bundle:
        self.folder.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=".fetching-", dir=self.folder))
        lock = _held(staged)
        try:
            fetch(staged)
            _opened(staged, sha256)
            refused: OSError | None = None
            try:
                staged.rename(entry)
            except OSError as error:  # somebody was faster: what they have serves, if it is whole
                refused = error
            found = self._here(entry, sha256)
            if found is None:
                raise refused or BundleError(f"{entry} went away while it was opened: try again")
            return found
        finally:
            if lock is not None:
                os.close(lock)
            shutil.rmtree(staged, ignore_errors=True)

    def _prune(self) -> None:
        """Remove what is left of interrupted work, and the entries that were not used for longest."""
        entries = []
        for path in self.folder.iterdir():
            if not path.name.startswith("."):
                entries.append((path.stat().st_mtime, path))
            elif path.stat().st_mtime < time.time() - FIRST_MOMENT_SECONDS:
                _remove_if_unused(path)
        for _, path in sorted(entries, reverse=True)[KEPT:]:
            _remove_if_unused(path)


def _opened(folder: Path, sha256: str | None) -> Bundle:
    bundle = Bundle.open(folder)
    if sha256 is not None and sha256_of(folder / MANIFEST) != sha256:
        raise BundleError(f"the bundle in {folder} is another one than was promoted: promote it anew")
    return bundle


def _held(folder: Path) -> int | None:
    """A shared lock on a folder, as an open file descriptor; None if it is not there, or on its way out."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        with suppress(OSError):  # a file system without locks: nothing is removed from it either
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return None
        if os.stat(folder).st_ino == os.fstat(lock).st_ino:
            return lock
    except FileNotFoundError:
        pass
    os.close(lock)
    return None


def _remove_if_unused(folder: Path) -> None:
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(folder)
    except OSError:  # in use, or no locks here
        return
    finally:
        os.close(lock)


def _remove(folder: Path) -> None:
    """Take a folder away at once, and then what was in it: nobody finds half of it."""
    leaving = folder.with_name(f".leaving-{os.getpid()}-{time.monotonic_ns()}")
    folder.rename(leaving)
    shutil.rmtree(leaving, ignore_errors=True)
