"""How many deadlines a second one core reckons, beside the least that any reckoning would do.

    .venv/bin/python benchmarks/hours.py

**Ours** is `sla.hours.due` and `elapsed`. **Raw** is one bisection in the year's openings and one addition of datetime
and timedelta: no calendar can be asked for less. Rounds alternate and are counted in processor time, so that other
work on the machine costs nobody anything but its noise.
"""

import argparse
import random
import statistics
import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sla.hours import BusinessHours, due, elapsed

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
DESK = {
    "time_zone": "America/Toronto",
    "weekly": {day: [["09:00", "12:00"], ["13:00", "17:00"]] for day in WEEKDAYS},
    "yearly": {"01-01": [], "12-25": [], "12-26": []},
    "exceptions": {"2026-04-03": [], "2026-12-24": [["09:00", "12:00"]]},
}
WANTED = 300_000  # deadlines a second

Questions = Sequence[tuple[datetime, timedelta]]


def questions(count: int) -> Questions:
    """Return moments of the year 2026 and allowances of up to forty hours, in no order."""
    chance = random.Random(1)
    year = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        (year + timedelta(seconds=chance.randrange(340 * 86_400)), timedelta(seconds=chance.randrange(1, 144_000)))
        for _ in range(count)
    ]


def of_due(asked: Questions, hours: BusinessHours) -> None:
    """Reckon every deadline."""
    for start, allowance in asked:
        due(start, allowance, hours)


def of_elapsed(asked: Questions, hours: BusinessHours) -> None:
    """Reckon the working time of two days from every moment."""
    later = timedelta(days=2)
    for start, _ in asked:
        elapsed(start, start + later, hours)


def of_raw(asked: Questions, hours: BusinessHours) -> None:
    """Do the least."""
    opens = hours.year(2026).opens
    for start, allowance in asked:
        bisect_right(opens, start)
        start + allowance


def per_second(work: Callable[[Questions, BusinessHours], None], asked: Questions, hours: BusinessHours) -> float:
    """Return how many of them one core does in a second."""
    started = time.process_time()
    work(asked, hours)
    return len(asked) / (time.process_time() - started)


def main() -> None:
    """Run the rounds and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="questions of a round")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    hours, asked = BusinessHours.from_dict(DESK), questions(options.count)
    works = {"due": of_due, "elapsed": of_elapsed, "raw": of_raw}
    for work in works.values():
        work(asked[:1000], hours)  # the years are laid out once
    rounds = [{name: per_second(work, asked, hours) for name, work in works.items()} for _ in range(options.rounds)]
    print("| | /s, median | lowest | highest | of raw |")
    print("| --- | --- | --- | --- | --- |")
    for name in works:
        found = [one[name] for one in rounds]
        ratio = statistics.median(one[name] / one["raw"] for one in rounds)
        print(f"| {name} | {statistics.median(found):,.0f} | {min(found):,.0f} | {max(found):,.0f} | {ratio:.0%} |")
    reached = statistics.median(one["due"] for one in rounds) >= WANTED
    print(f"\nwanted: {WANTED:,} deadlines a second on one core: {'reached' if reached else 'missed'}")


if __name__ == "__main__":
    main()
