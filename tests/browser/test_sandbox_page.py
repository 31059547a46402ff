"""The page of the sandbox in a real browser: a newcomer calls, texts, writes and chats, and picks up as the agent."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from flask import Flask
from sqlalchemy import select

from api.reactions import carry_out
from config.settings import Settings
from tests import make
from tests.channels import live_desk
from ticketing import agents, devices
from ticketing.devices import Device
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import Agent, JournalEntry, Message, Queue, Ticket
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser
CHANNELS = (Channel.PHONE, Channel.SMS, Channel.EMAIL, Channel.CHAT)
HOSTILE = "<img src=x onerror=\"document.title='taken'\"> <b>bold</b> \u202egnitirw"
ANY_HOUR = [["00:00", "12:00"], ["12:00", "24:00"]]  # left alone, a desk calls people by day; tests run by night too
NARROW = {"width": 390, "height": 844}

WAITING = select(JournalEntry.id).where(JournalEntry.dispatched_at.is_(None)).order_by(JournalEntry.id)

GoOn = Callable[[float], None]


@dataclass(frozen=True)
class Agnes:
    """The agent, who works through the API."""

    url: str
    token: str

    def take(self) -> None:
        """Take the newest ticket."""
        self._act("PUT", f"/tickets/{newest_ticket()}/assignment", {"agent": "me"})

    def reply(self, body: str) -> None:
        """Reply on the newest ticket."""
        self._act("POST", f"/tickets/{newest_ticket()}/replies", {"body": body})

    def _act(self, method: str, path: str, body: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.request(method, f"{self.url}/api/v1{path}", json=body, headers=headers, timeout=60)
        assert answer.ok, answer.text


@pytest.fixture(scope="module")
def desk(base_settings: Settings, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A desk that really listens, with an inbox of every channel."""
    with live_desk.running(base_settings, sqlite_template, tmp_path_factory.mktemp("desk")) as app:
        for channel in CHANNELS:
            make.inbox(channel)
        with transaction("test") as session:
            for queue in session.scalars(select(Queue)):
                queue.settings = {"callback": {"hours": ANY_HOUR}}
        yield app


@pytest.fixture(scope="module")
def agnes(desk: Flask) -> Agnes:
    """Agnès, whose telephone is in the browser."""
    agent = make.agent(name="Agnès")
    with transaction("test"):
        devices.name_device(agent.id, Device.BROWSER, "", by=SYSTEM, at=utc_now())
        _, token = agents.create_token(db.session().get_one(Agent, agent.id), name="test", at=utc_now())
    return Agnes(desk.extensions["comptoir.settings"].local_url, token)


@pytest.fixture
def page(browser: "Browser", desk: Flask, agnes: Agnes) -> Iterator["Page"]:
    """The page as a newcomer opens it; nothing may go wrong in it unseen."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(f"{agnes.url}/sandbox")
    page.get_by_role("combobox", name="Whose telephone").wait_for()
    page.get_by_role("combobox", name="Number to call").locator("option").first.wait_for(state="attached")
    yield page
    context.close()
    assert wrong == []


@pytest.fixture
def go_on(desk: Flask) -> GoOn:
    """Let the exchange's time pass, and the desk's workers work meanwhile."""

    def go_on(seconds: float) -> None:
        for _ in range(3):
            live_desk.settle(desk, seconds=seconds / 3)
            for entry_id in db.session().scalars(WAITING).all():
                carry_out(entry_id)  # others write entries meanwhile: the next round has them

    return go_on


def phone(page: "Page") -> "Locator":
    return page.get_by_role("region", name="Phone", exact=True)


def desk_phone(page: "Page") -> "Locator":
    return page.get_by_role("region", name="Desk phone")


def device(page: "Page", name: str) -> "Locator":
    return page.get_by_role("region", name=name, exact=True)


def press(where: "Locator", name: str) -> None:
    """Press a button of a telephone, and wait until the exchange knows."""
    with where.page.expect_response(lambda answer: answer.request.method == "POST"):
        where.get_by_role("button", name=name, exact=True).click()


def speak(where: "Locator", words: str) -> None:
    where.get_by_label("Say something").fill(words)
    press(where, "Say")
    see(where, words)


def call(page: "Page", go_on: GoOn, *, seconds: float) -> None:
    """Call, and listen so long."""
    press(phone(page), "Call")
    go_on(seconds)


def see(where: "Locator", words: str) -> None:
    where.get_by_text(words).locator("visible=true").first.wait_for()


def newest_ticket() -> int:
    live_desk.settle_session()
    return db.session().scalars(select(Ticket.id).order_by(Ticket.id.desc()).limit(1)).one()


def newest_words() -> str:
    live_desk.settle_session()
    return db.session().scalars(select(Message.body).order_by(Message.id.desc()).limit(1)).one()


def test_a_caller_reads_what_is_said_presses_a_key_and_speaks_after_the_tone(
    page: "Page", desk: Flask, go_on: GoOn
) -> None:
    call(page, go_on, seconds=12)
    see(phone(page), "Press 1 to be called back")

    press(phone(page), "2")
    see(phone(page), "Pressed 2")
    number = page.get_by_label("Your number").input_value()
    while not live_desk.exchange(desk).heard(number, "tone"):
        go_on(1)
    see(phone(page), "a tone")
    speak(phone(page), "My kettle leaks.")
    press(phone(page), "Hang up")
    go_on(5)

    see(phone(page), "Call over")
    assert phone(page).get_by_role("button", name="Call").is_visible()
    assert "voicemail" in newest_words()


def test_everything_on_the_phone_goes_by_keyboard(page: "Page", go_on: GoOn) -> None:
    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == name:
                return
        raise AssertionError(f"no Tab leads to {name}")

    tab_to("Call")
    page.keyboard.press("Enter")
    phone(page).get_by_text("Calling").first.wait_for()
    go_on(12)
    see(phone(page), "Press 1 to be called back")
    page.keyboard.press("3")
    see(phone(page), "Pressed 3")
    go_on(10)

    see(phone(page), "Call over")
    see(device(page, "Texts"), "text")
    assert page.evaluate("document.activeElement.textContent") == "Call"


def test_an_agent_takes_the_caller_picks_up_and_both_hear_each_other(page: "Page", go_on: GoOn, agnes: Agnes) -> None:
    call(page, go_on, seconds=12)
    agnes.take()
    go_on(3)

    see(desk_phone(page), "It rings")
    assert "It rings" in page.title()
    press(desk_phone(page), "Answer")
    go_on(4)
    see(desk_phone(page), "Picked up.")
    speak(desk_phone(page), "Hello, this is Agnès.")
    go_on(2)
    see(phone(page), "Hello, this is Agnès.")
    speak(phone(page), "My kettle leaks.")
    go_on(2)

    see(desk_phone(page), "My kettle leaks.")
    press(phone(page), "Hang up")
    go_on(5)
    see(desk_phone(page), "Call over")


def test_texts_go_both_ways_and_are_nothing_but_text(page: "Page", go_on: GoOn, agnes: Agnes) -> None:
    texts = device(page, "Texts")
    texts.get_by_role("textbox").fill(HOSTILE)
    texts.get_by_role("button", name="Send").click()
    see(texts, "Sending")
    go_on(2)
    see(texts, "Arrived")
    agnes.reply(HOSTILE.upper())
    go_on(4)

    see(texts, HOSTILE.upper())
    assert newest_words() == HOSTILE.upper()
    assert texts.locator("img, b").count() == 0
    assert page.title() == "Comptoir sandbox"


def test_mails_go_both_ways_and_their_design_runs_nothing(page: "Page", go_on: GoOn, agnes: Agnes) -> None:
    mail = device(page, "Mail")
    see(mail, "Press Write")
    mail.get_by_role("button", name="Write", exact=True).click()
    mail.get_by_label("Subject").fill("My kettle")
    mail.get_by_label("Message").fill("It leaks.")
    mail.get_by_role("button", name="Send").click()
    see(mail, "To support@desk.example")
    agnes.reply("Send us a **picture**.")
    go_on(1)

    mail.get_by_role("button", name="Re: My kettle").click()
    see(mail, "From ")
    frame = mail.frame_locator("iframe")
    assert frame.locator("strong").inner_text() == "picture"
    mail.get_by_role("button", name="Show the words only").click()
    see(mail, "Send us a")
    mail.get_by_role("button", name="Reply").click()
    assert mail.get_by_label("Subject").input_value() == "Re: My kettle"
    mail.get_by_label("Message").fill("Here it is.")
    mail.get_by_role("button", name="Send").click()
    see(mail, "Here it is.")
    assert newest_words().strip() == "Here it is."


def test_a_chat_goes_both_ways_and_is_there_after_a_reload(page: "Page", go_on: GoOn, agnes: Agnes) -> None:
    chat = device(page, "Chat")
    chat.get_by_role("textbox").fill("Anybody there?")
    chat.get_by_role("textbox").press("Enter")
    see(chat, "Anybody there?")
    agnes.reply("Yes, <i>here</i>.")
    go_on(1)
    see(chat, "Yes, <i>here</i>.")

    page.reload()

    see(chat, "Anybody there?")
    see(chat, "Yes, <i>here</i>.")
    assert chat.get_by_role("textbox").input_value() == ""


def test_what_is_wrong_is_said_in_a_sentence(page: "Page") -> None:
    page.get_by_label("Your number").fill("5145550177")
    page.get_by_label("Your number").press("Enter")
    see(page.get_by_role("form", name="Who you are"), "A number begins with + and its country")
    page.get_by_label("Your number").fill("+1 (514) 555-0177")
    page.get_by_label("Your number").press("Enter")

    assert page.get_by_label("Your number").input_value() == "+15145550177"
    see(phone(page), "+1 514 555 0177")
    phone(page).get_by_role("button", name="star").click()
    see(phone(page), "The keys work in a call. Call first.")


def test_a_small_screen_shows_one_device_at_a_time_without_a_sideways_scroll(page: "Page") -> None:
    page.set_viewport_size(NARROW)
    tabs = page.get_by_role("navigation", name="Devices")

    for name, title in {
        "Texts": "Texts",
        "Mail": "Mail",
        "Chat": "Chat",
        "Desk": "Desk phone",
        "Phone": "Phone",
    }.items():
        tabs.get_by_role("link", name=name).click()
        shown = page.locator(".customer > .device:visible, .desk > .phone:visible h2").all()
        assert len(shown) == 1
        assert device(page, title).is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_every_control_has_a_name(page: "Page") -> None:
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, textarea, iframe, [role=log]")]
            .filter((one) => !one.closest("[hidden]"))
            .filter((one) => !one.textContent.trim() && !one.labels?.length && !one.ariaLabel && !one.title)
            .map((one) => one.outerHTML)"""
    )

    assert nameless == []
