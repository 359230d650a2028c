"""`make chaos N=100`: one plan a seed on real servers, all books audited after each; the last line is JSON."""

import argparse
import json
import shutil
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import mkdtemp

from tests.chaos.faults import plan
from tests.chaos.system import System

HEADINGS = (
    f"{'seed':>6}{'workers':>9}{'faults':>8}{'came':>8}{'archived':>10}{'rejected':>10}{'lost':>6}{'twice':>7}"
    f"{'recovery':>10}"
)


def main() -> None:
    """Run the seeds; exit status 1 if a headline was lost or counted twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many plans")
    parser.add_argument("--first", type=int, default=1, help="the first one's seed")
    parser.add_argument("--headlines", type=int, default=3_000, help="how many a plan")
    parser.add_argument("--postgresql", action="store_true", help="the archive is a PostgreSQL of its own, not SQLite")
    parser.add_argument("--broker", action="store_true", help="in every plan the broker is killed, in its middle")
    asked = parser.parse_args()
    folder = Path(mkdtemp(prefix="newsquall-chaos-"))
    print(HEADINGS, flush=True)
    recoveries, kinds, failed = [], Counter[str](), []
    lost = doubled = came = 0
    began = time.monotonic()
    for seed in range(asked.first, asked.first + asked.seeds):
        asked_for = plan(seed, asked.headlines, archive_server=asked.postgresql, broker=asked.broker)
        with System(folder / str(seed), asked_for, asked.postgresql) as system:
            findings, books, seconds = system.run()
            kinds.update(system.done)
        recoveries.append(seconds)
        lost, doubled, came = lost + findings.lost, doubled + findings.doubled, came + len(books.received)
        print(
            f"{seed:>6}{asked_for.workers:>9}{len(system.done):>8}{len(books.received):>8}{len(books.archived):>10}"
            f"{len(books.rejected):>10}{findings.lost:>6}{findings.doubled:>7}{seconds:>8.1f} s",
            flush=True,
        )
        if findings.well:
            shutil.rmtree(folder / str(seed), ignore_errors=True)
        else:
            failed.append(seed)
            print("\n".join([*(f"        {line}" for line in findings.lines), *map(str, asked_for.faults)]), flush=True)
            print(f"        the logs are in {folder / str(seed)}", flush=True)
    print(
        json.dumps(
            {
                "seeds": asked.seeds,
                "failed": failed,
                "records": came,
                "lost": lost,
                "doubled": doubled,
                "faults": dict(kinds),
                "recovery_seconds": {"p50": round(statistics.median(recoveries), 1), "max": round(max(recoveries), 1)},
                "seconds": round(time.monotonic() - began),
            }
        )
    )
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
