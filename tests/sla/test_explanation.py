"""An explanation adds up to the second and reads well: over lunch, a holiday, a pause, the change of the clocks."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sla.agreement import Metric, always_open
from sla.clock import State
from sla.courses import courses_of
from sla.explanation import Explanation, Kept, PolicyName, explain
from sla.hours import BusinessHours
from sla.reasons import Named, Reasons
from sla.sentences import ENGLISH, FRENCH
from sla.words import WORDS, Language
from tests.sla.book import CUSTOMER, HOUR, Book, agreement, entry, opened
from ticketing.events import Entry, Event, PriorityChanged, ReplyWritten, StatusChanged, TicketReopened, TicketResolved

PARIS = BusinessHours.from_dict(
    {
        "time_zone": "Europe/Paris",
        "weekly": {day: [["09:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
        "exceptions": {
            "2026-11-20": [],
            "2026-12-24": {"spans": [["09:00", "12:00"]], "name": "Christmas Eve"},
            "2026-12-25": {"spans": [], "name": "Christmas Day"},
        },
    }
)
NIGHT = BusinessHours.from_dict({"time_zone": "Europe/Paris", "weekly": {"sat": [["22:00", "06:00"]]}})
ANSWER = {"first_response": {"allowance_seconds": 4 * HOUR}}
SOLUTION = {"resolution": {"allowance_seconds": 6 * HOUR}}
REPLY, PENDING, ON_HOLD = ReplyWritten(2, "email"), StatusChanged("open", "pending"), StatusChanged("open", "on_hold")
OPEN = StatusChanged("pending", "open")

Happening = tuple[str, Event]
Told = tuple[str, int, str]  # kind, counted seconds, why


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Paris")).astimezone(UTC)


def life(start: str, happenings: Sequence[Happening], **facts: Any) -> list[Entry]:
    first = entry(paris(start), opened(paris(start), **facts), CUSTOMER)
    return [first, *(entry(paris(time), event) for time, event in happenings)]


def explained(
    entries: Sequence[Entry],
    book: Book,
    now: str,
    language: str = "en",
    *,
    metric: Metric | None = None,
    most: int = 500,
) -> Explanation:
    """The explanation of the first clock, or of the last one of a metric."""
    courses = [one for one in courses_of(entries, book) if metric in {None, one.clock.metric}]
    course = courses[-1 if metric else 0]
    hours = book.agreement(course.clock.policy_id or 0).targets[course.clock.metric].hours
    zone = NIGHT.time_zone if hours is always_open() else hours.time_zone
    named = Named({one.id: (f"Policy {one.id}", 1) for one in book.agreements}, {1: "Support", 2: "Billing"})
    reasons = Reasons(named, lambda _: book.agreements, WORDS[Language(language)])
    kept = Kept(course.clock, PolicyName(1, "Policy 1", 1), hours, zone)
    return explain(kept, course, paris(now), reasons, most=most)


def told(found: Explanation) -> list[Told]:
    assert sum(one.counted_seconds for one in found.intervals) == found.elapsed_seconds
    return [(one.kind.value, one.counted_seconds, one.why) for one in found.intervals]


def plain(text: str) -> str:
    """French as one types it."""
    return text.replace("\u202f", " ").replace("\u00a0", " ").replace("’", "'")


LUNCH = life("2026-11-18T10:05", [])
HOLIDAY = life("2026-12-24T11:05", [])
PAUSE = life(
    "2026-11-18T10:00", [("2026-11-18T10:05", PENDING), ("2026-11-19T10:05", ON_HOLD), ("2026-11-19T14:05", OPEN)]
)
SUMMER = life("2027-03-27T21:00", [("2027-03-28T06:30", REPLY)])
WINTER = life("2027-10-30T21:00", [])
REOPENED = life(
    "2026-11-18T10:00",
    [
        ("2026-11-18T11:00", TicketResolved("open")),
        ("2026-11-19T09:30", TicketReopened("solved")),
        ("2026-11-19T09:45:30", TicketResolved("open")),
    ],
)


@pytest.mark.parametrize(
    ("entries", "targets", "hours", "now", "expected"),
    [
        pytest.param(
            LUNCH,
            ANSWER,
            PARIS,
            "2026-11-18T14:20",
            [
                ("counted", 6900, "Open from 10:05 to 12:00 on Wednesday 18 November"),
                ("closed", 0, "Lunch on Wednesday 18 November: the desk reopens at 13:00"),
                ("counted", 4800, "Open since 13:00 on Wednesday 18 November"),
            ],
            id="over lunch",
        ),
        pytest.param(
            HOLIDAY,
            ANSWER,
            PARIS,
            "2026-12-28T11:00",
            [
                (
                    "counted",
                    3300,
                    "Open from 11:05 to 12:00 on Thursday 24 December (other hours that day: Christmas Eve)",
                ),
                ("closed", 0, "Closed from 12:00 to midnight on Thursday 24 December"),
                ("closed", 0, "Closed: Christmas Day, Friday 25 December"),
                ("closed", 0, "Closed from 0:00 on Saturday 26 December to 9:00 on Monday 28 December"),
                ("counted", 7200, "Open since 9:00 on Monday 28 December"),
            ],
            id="over a holiday",
        ),
        pytest.param(
            life("2026-11-20T10:00", []),
            ANSWER,
            PARIS,
            "2026-11-20T11:00",
            [("closed", 0, "Closed all day, Friday 20 November")],
            id="on a day off without a name",
        ),
        pytest.param(
            PAUSE,
            SOLUTION,
            PARIS,
            "2026-11-19T16:20:01",
            [
                ("counted", 300, "Open from 10:00 to 10:05 on Wednesday 18 November"),
                (
                    "paused",
                    0,
                    "Waiting on the customer from 10:05 on Wednesday 18 November to 10:05 on Thursday 19 November "
                    "(pending)",
                ),
                ("paused", 0, "Waiting on somebody else from 10:05 to 14:05 on Thursday 19 November (on hold)"),
                ("counted", 8101, "Open since 14:05 on Thursday 19 November"),
            ],
            id="over pauses",
        ),
        pytest.param(
            SUMMER,
            ANSWER,
            NIGHT,
            "2027-04-01T12:00",
            [
                ("closed", 0, "Closed from 21:00 to 22:00 on Saturday 27 March"),
                (
                    "counted",
                    25200,
                    "Open from 22:00 on Saturday 27 March to 6:00 on Sunday 28 March. "
                    "The clocks went forward at 2:00, so this is 7 hours",
                ),
                ("closed", 0, "Closed from 6:00 to 6:30 on Sunday 28 March. Then the answer came"),
            ],
            id="in the night of the change to summer time",
        ),
        pytest.param(
            WINTER,
            {"first_response": {"allowance_seconds": 48 * HOUR, "wall_clock": True}},
            NIGHT,
            "2027-10-31T15:20",
            [
                (
                    "counted",
                    69_600,
                    "Counted day and night since 21:00 on Saturday 30 October. "
                    "The clocks went back at 3:00, so this is 19 hours 20 minutes",
                )
            ],
            id="by the clock on the wall in the night of the change to winter time",
        ),
        pytest.param(
            REOPENED,
            SOLUTION,
            PARIS,
            "2027-01-05T12:00",
            [
                ("counted", 3600, "Open from 10:00 to 11:00 on Wednesday 18 November"),
                (
                    "paused",
                    0,
                    "Solved from 11:00 on Wednesday 18 November to 9:30 on Thursday 19 November, until it was reopened",
                ),
                ("counted", 930, "Open from 9:30 to 9:45:30 on Thursday 19 November. Then the ticket was solved"),
            ],
            id="reopened",
        ),
    ],
)
def test_every_interval_says_why(
    entries: list[Entry], targets: dict[str, Any], hours: BusinessHours, now: str, expected: list[Told]
) -> None:
    found = explained(entries, Book([agreement(1, targets, hours=hours)]), now)

    assert told(found) == expected


def test_french_reads_as_french() -> None:
    book = Book([agreement(1, ANSWER, hours=PARIS)])

    lunch = explained(LUNCH, book, "2026-11-18T14:20", "fr")
    holiday = explained(HOLIDAY, book, "2026-12-28T16:20:30", "fr")
    summer = explained(SUMMER, Book([agreement(1, ANSWER, hours=NIGHT)]), "2027-04-01T12:00", "fr")
    paused = explained(PAUSE[:2], Book([agreement(1, SOLUTION, hours=PARIS)]), "2026-11-19T16:20", "fr")
    winter = explained(life("2026-11-30T17:00", []), book, "2026-12-01T09:30", "fr")

    assert [plain(why) for _, _, why in told(lunch)] == [
        "Ouvert le mercredi 18 novembre de 10 h 05 à 12 h",
        "Pause de midi le mercredi 18 novembre : réouverture à 13 h",
        "Ouvert depuis le mercredi 18 novembre à 13 h",
    ]
    assert lunch.intervals[1].why == "Pause de midi le mercredi 18 novembre\u202f: réouverture à 13\u00a0h"
    assert plain(told(holiday)[2][2]) == "Fermé : Christmas Day, vendredi 25 décembre"
    assert plain(told(summer)[1][2]) == (
        "Ouvert du samedi 27 mars à 22 h au dimanche 28 mars à 6 h. Les horloges ont avancé à 2 h : cela fait 7 heures"
    )
    assert plain(told(paused)[-1][2]) == "En attente du client depuis le mercredi 18 novembre à 10 h 05"
    assert plain(told(winter)[-1][2]) == "Ouvert depuis le mardi 1er décembre à 9 h"
    assert plain(lunch.summary) == (
        "Une première réponse était promise sous 4 heures d'ouverture, à compter du mercredi 18 novembre 2026 à "
        "10 h 05, heure de Paris. Il s'en est écoulé 3 heures 15 minutes et il reste 45 minutes : l'échéance est le "
        "mercredi 18 novembre à 15 h 05, sans compter 1 heure de fermeture."
    )


@pytest.mark.parametrize(
    ("entries", "targets", "now", "state", "expected"),
    [
        pytest.param(
            LUNCH,
            ANSWER,
            "2026-11-18T14:20",
            State.RUNNING,
            "A first answer was promised within 4 hours of opening time, from 10:05 on Wednesday 18 November 2026, "
            "Paris time. 3 hours 15 minutes of that has gone by and 45 minutes is left, so it is due at 15:05 on "
            "Wednesday 18 November, not counting 1 hour while the desk is closed.",
            id="running",
        ),
        pytest.param(
            life("2026-11-20T10:00", []),
            ANSWER,
            "2026-11-20T14:20",
            State.RUNNING,
            "A first answer was promised within 4 hours of opening time, from 10:00 on Friday 20 November 2026, "
            "Paris time. None of that has gone by yet, so it is due at 14:00 on Monday 23 November, "
            "not counting 3 days while the desk is closed.",
            id="not begun",
        ),
        pytest.param(
            PAUSE[:2],
            SOLUTION,
            "2026-11-19T16:20",
            State.PAUSED,
            "A solution was promised within 6 hours of opening time, from 10:00 on Wednesday 18 November 2026, Paris "
            "time. 5 minutes of that has gone by and 5 hours 55 minutes is left. Nobody can say yet when it is due, "
            "since nothing counts while it rests: waiting on the customer since 10:05 on Wednesday 18 November "
            "(pending).",
            id="resting",
        ),
        pytest.param(
            REOPENED,
            SOLUTION,
            "2026-11-30T12:00",
            State.MET,
            "A solution was promised within 6 hours of opening time, from 10:00 on Wednesday 18 November 2026, Paris "
            "time. The ticket was solved at 9:45:30 on Thursday 19 November, after 1 hour 15 minutes 30 seconds: kept, "
            "with 4 hours 44 minutes 30 seconds to spare. It was due at 15:30 on Thursday 19 November, not counting "
            "23 hours 30 minutes while the desk is closed or the ticket rests.",
            id="kept",
        ),
        pytest.param(
            life("2026-12-31T17:00", [("2027-01-04T14:00", REPLY)]),
            ANSWER,
            "2027-02-01T12:00",
            State.BREACHED,
            "A first answer was promised within 4 hours of opening time, from 17:00 on Thursday 31 December 2026, "
            "Paris time. It was due at 12:00 on Friday 1 January 2027, not counting 15 hours while the desk is closed. "
            "The answer came at 14:00 on Monday 4 January 2027, after 13 hours: 9 hours late, not kept.",
            id="late",
        ),
        pytest.param(
            LUNCH,
            ANSWER,
            "2026-11-18T16:00",
            State.BREACHED,
            "A first answer was promised within 4 hours of opening time, from 10:05 on Wednesday 18 November 2026, "
            "Paris time. It was due at 15:05 on Wednesday 18 November, not counting 1 hour while the desk is closed. "
            "It is still awaited, 55 minutes late.",
            id="overdue",
        ),
    ],
)
def test_a_summary_tells_what_was_promised_and_how_it_stands(
    entries: list[Entry], targets: dict[str, Any], now: str, state: State, expected: str
) -> None:
    found = explained(entries, Book([agreement(1, targets, hours=PARIS)]), now)

    assert (found.state, found.summary) == (state, expected)


def test_it_says_why_this_policy_and_not_those_before_it() -> None:
    book = Book(
        [
            agreement(1, ANSWER, hours=PARIS, channel=["phone", "chat"], customer_field={"tier": ["gold"]}),
            agreement(2, ANSWER, hours=PARIS, queue=[2], tag=["vip"]),
            agreement(3, ANSWER, hours=PARIS, channel=["email"], priority=["normal", "high"]),
            agreement(4, ANSWER, hours=PARIS),
        ]
    )

    entries = life("2026-11-18T10:05", [], customer_fields={"tier": "silver"})
    why = explained(entries, book, "2026-11-18T10:05").why_policy
    in_french = explained(entries, book, "2026-11-18T10:05", "fr").why_policy

    assert why == (
        "“Policy 3” (version 1) was the first policy in order that was for this ticket, at 10:05 on Wednesday "
        "18 November 2026: it asks for the channel email and the priority normal or high. "
        "Before it in order: “Policy 1” (version 1), which asks for the channel phone or chat (here: email) "
        "and gold as the customer's “tier” (here: silver); "
        "“Policy 2” (version 1), which asks for the queue “Billing” (here: “Support”) and the tag “vip” (here: none)."
    )
    assert plain(in_french).startswith("« Policy 3 » (version 1) était la première règle")
    assert "l'étiquette « vip » (ici : rien)." in plain(in_french)


def test_a_change_of_policy_is_told_where_it_happened() -> None:
    urgent = {"resolution": {"allowance_seconds": 2 * HOUR, "wall_clock": True}}
    book = Book([agreement(1, urgent, hours=PARIS, priority=["urgent"]), agreement(2, SOLUTION, hours=PARIS)])
    entries = life("2026-11-18T10:00", [("2026-11-18T11:30", PriorityChanged("normal", "urgent"))])

    found = explained(entries, book, "2026-11-18T12:10")

    assert told(found) == [
        ("counted", 5400, "Open from 10:00 to 11:30 on Wednesday 18 November"),
        (
            "counted",
            2400,
            "Counted day and night since 11:30 on Wednesday 18 November. "
            "From here on the policy “Policy 1” (version 1) applies, which allows 2 hours in all",
        ),
    ]
    assert "at 11:30 on Wednesday 18 November 2026: it asks for the priority urgent." in found.why_policy


def test_microseconds_add_up_to_whole_seconds() -> None:
    entries = life(
        "2026-11-18T10:00:00.400000",
        [
            (f"2026-11-18T10:00:0{second}.900000", one)
            for second, one in ((1, PENDING), (2, OPEN), (4, PENDING), (5, OPEN))
        ],
    )

    found = explained(entries, Book([agreement(1, SOLUTION, hours=PARIS)]), "2026-11-18T10:00:07.400000")

    assert [one.counted_seconds for one in found.intervals] == [1, 0, 2, 0, 2]  # of 1.5, 2 and 1.5 seconds
    assert found.elapsed_seconds == 5


def test_a_life_of_years_is_told_in_few_intervals() -> None:
    entries = life("2016-11-18T10:05", [])
    book = Book([agreement(1, ANSWER, hours=PARIS)])

    found = explained(entries, book, "2026-11-18T10:05", most=20)
    whole = explained(entries, book, "2026-11-18T10:05", most=100_000)

    assert len(found.intervals) == 20
    assert len(whole.intervals) > 10_000
    assert found.elapsed_seconds == sum(one.counted_seconds for one in found.intervals)
    assert found.elapsed_seconds == sum(one.counted_seconds for one in whole.intervals)
    assert re.search(
        r"^[\d,]+ spells from .* 2016 to .* 2026, open and closed, taken together$", found.intervals[10].why
    )
    assert all(one.until == other.since for one, other in zip(found.intervals, found.intervals[1:], strict=False))


def test_a_clock_of_which_the_journal_does_not_tell_is_told_as_it_was_kept() -> None:
    (course,) = courses_of(PAUSE[:2], Book([agreement(1, SOLUTION, hours=PARIS)]))
    reasons = Reasons(Named({1: ("Policy 1", 1)}, {}), lambda _: [], WORDS[Language.ENGLISH])
    kept = Kept(course.clock, PolicyName(1, "Policy 1", 1), PARIS, PARIS.time_zone)

    found = explain(kept, None, paris("2026-11-18T12:00"), reasons)

    assert found.differs == "The journal does not tell of this clock; it is shown as it was kept."
    assert found.why_policy == "The journal does not tell how “Policy 1” (version 1) came to be this ticket's policy."
    assert told(found) == [
        (
            "counted",
            300,
            "Counted since 10:00 on Wednesday 18 November; what happened meanwhile is not told",
        )
    ]


def test_what_was_kept_counts_and_the_difference_is_told() -> None:
    book = Book([agreement(1, ANSWER, hours=PARIS)])
    (course,) = courses_of(LUNCH, book)
    reasons = Reasons(Named({1: ("Policy 1", 1)}, {}), lambda _: book.agreements, WORDS[Language.ENGLISH])
    other = Book([agreement(1, {"first_response": {"allowance_seconds": HOUR}}, hours=PARIS)])
    (kept,) = courses_of(LUNCH, other)

    found = explain(Kept(kept.clock, None, PARIS, PARIS.time_zone), course, paris("2026-11-18T11:00"), reasons)

    assert found.differs == (
        "Read again, the journal comes to something else (running, 55 minutes counted, due 15:05 on Wednesday "
        "18 November 2026); what was kept counts (running, 55 minutes counted, due 11:05 on Wednesday "
        "18 November 2026)."
    )
    assert (found.due_at, found.elapsed_seconds) == (paris("2026-11-18T11:05"), 3300)


def test_both_languages_have_the_same_sentences_with_the_same_gaps() -> None:
    def gaps(text: str) -> set[str]:
        return {one.lower() for one in re.findall(r"\{(\w+)\}", text)}

    assert ENGLISH.sentences.keys() == FRENCH.sentences.keys()
    for name, text in ENGLISH.sentences.items():
        assert gaps(text) == gaps(FRENCH.sentences[name]), name


def test_a_long_span_is_told_in_days() -> None:
    words = WORDS[Language.ENGLISH]

    assert words.long_span(timedelta(days=3, hours=22)) == "3 days 22 hours"
    assert words.span(timedelta(hours=94)) == "94 hours"
    assert words.span(timedelta(milliseconds=3)) == "less than a second"
