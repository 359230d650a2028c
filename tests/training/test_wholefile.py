"""A file is the new one, or the one that was there."""

import shutil
from pathlib import Path

import pytest

from training.wholefile import write_whole


def test_it_is_written_and_nothing_lies_beside_it(tmp_path):
    write_whole(tmp_path / "a.csv", b"one")
    write_whole(tmp_path / "a.csv", b"two")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.csv": b"two"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_leaves_what_was_there_and_names_the_file(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"before")
    (tmp_path / ".a.csv.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as refused:
        write_whole(tmp_path / "a.csv", b"after")
    assert refused.value.filename == str(tmp_path / "a.csv")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.csv": b"before"}


def test_a_folder_that_is_not_there_is_told_by_the_file_that_was_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError) as refused:
        write_whole(tmp_path / "absent" / "a.csv", b"")
    assert refused.value.filename == str(tmp_path / "absent" / "a.csv")
    shutil.rmtree(tmp_path)
