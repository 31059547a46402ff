"""The settings of a queue: each is checked when it is written, and has a meaning where it is not there."""

from typing import Any

import pytest

from ticketing.errors import InvalidInput
from ticketing.queue_settings import CallbackSettings, QueueSettings, changed

GOOD: list[tuple[str, Any, Any]] = [
    ("calendar", 3, 3),
    ("music", " https://cdn.example/hold.mp3 ", "https://cdn.example/hold.mp3"),
    ("ring_seconds", 5, 5),
    ("wrap_up_seconds", 0, 0),
    ("max_waiting", 0, 0),
    ("max_wait_seconds", 60, 60),
    ("record", True, True),
    ("recording_notice", " We record. ", "We record."),
    ("recording_notice", {"FR": "https://cdn.example/fr.mp3"}, {"fr": "https://cdn.example/fr.mp3"}),
    ("retention_days", 30, 30),
    ("text_instead", False, False),
    ("voicemail", False, False),
    ("callback", {}, {}),
    ("callback", {"attempts": 1, "hours": [["09:00", "12:00"], ["12:00", "24:00"]]}, None),
]
BAD: list[tuple[str, Any]] = [
    ("colour", "red"),
    ("calendar", 0),
    ("calendar", True),
    ("music", "http://cdn.example/hold.mp3"),
    ("music", "https://ada:secret@cdn.example/hold.mp3"),
    ("music", "https://[bad"),
    ("music", "https://cdn.example/" + "a" * 600),
    ("ring_seconds", 4),
    ("ring_seconds", 20.5),
    ("wrap_up_seconds", "30"),
    ("max_waiting", -1),
    ("max_wait_seconds", 59),
    ("record", 1),
    ("recording_notice", ""),
    ("recording_notice", {}),
    ("recording_notice", {"klingon!": "Qapla"}),
    ("recording_notice", {"fr": 3}),
    ("recording_notice", "http://cdn.example/fr.mp3"),
    ("retention_days", 0),
    ("voicemail", "yes"),
    ("callback", True),
    ("callback", {"colour": 1}),
    ("callback", {"attempts": 0}),
    ("callback", {"hours": "09:00-12:00"}),
    ("callback", {"hours": [["12:00", "09:00"]]}),
    ("callback", {"hours": [["09:00", "12:00"], ["11:00", "13:00"]]}),
    ("callback", {"hours": [["9", "12"]]}),
]


@pytest.mark.parametrize(("name", "value", "kept"), GOOD)
def test_a_setting_that_makes_sense_is_kept(name: str, value: Any, kept: Any) -> None:
    assert changed({}, {name: value}) == {name: value if kept is None else kept}


@pytest.mark.parametrize(("name", "value"), BAD)
def test_one_that_makes_none_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput):
        changed({}, {name: value})


def test_what_is_not_named_stays_and_null_takes_away() -> None:
    assert changed({"record": True, "max_waiting": 3}, {"max_waiting": None, "voicemail": False}) == {
        "record": True,
        "voicemail": False,
    }


def test_a_queue_that_says_nothing_has_the_usual_settings() -> None:
    usual = QueueSettings.of({})

    assert (usual.ring_seconds, usual.wrap_up_seconds) == (20, 30)
    assert (usual.max_waiting, usual.max_wait_seconds) == (None, 3600)
    assert usual.callback == CallbackSettings(enabled=True, attempts=3, retry_seconds=600, hours=())
    assert (usual.record, usual.text_instead, usual.voicemail) == (False, True, True)


def test_settings_are_read_as_they_were_written() -> None:
    settings = changed({}, {"callback": {"attempts": 5, "hours": [["09:00", "12:00"]]}, "music": "https://a.example/b"})

    read = QueueSettings.of(settings)

    assert read.callback == CallbackSettings(attempts=5, hours=(("09:00", "12:00"),))
    assert read.music == "https://a.example/b"
