"""Records that break readers of news, through a real worker with a PostgreSQL; `make hostile` sends many more."""

from datetime import UTC, datetime
from pathlib import Path

from stream.records import REASONS
from tests.hostile.inputs import inputs
from tests.hostile.run import put_through

RECORDS = 1_000


def test_of_hostile_records_each_is_archived_or_rejected_and_the_worker_goes_on(tmp_path: Path) -> None:
    records = list(inputs(RECORDS, 1, datetime.now(UTC)))
    report = put_through(tmp_path, records)
    assert report.findings.well, report.findings.lines
    assert report.archived + sum(report.reasons.values()) <= RECORDS
    assert report.archived >= sum(each.id is not None for each in records)
    assert len(report.reasons) >= len(REASONS) - 2, f"the corpus has become tame: {report.reasons}"
