"""Whatever goes wrong between us and Twilio's REST API, we know whether the message can have been taken."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from api.embedded import ports
from channels import twilio_api
from channels.errors import ChannelError, OutcomeUnknown, PermanentFailure, TransientFailure
from config.settings import TwilioAccount

Answer = Callable[[BaseHTTPRequestHandler], None]


class Provider(ThreadingHTTPServer):
    """A provider that answers as it is told, on a loopback port."""

    answer: Answer
    daemon_threads = True

    def __init__(self) -> None:
        self.paths: list[str] = []
        super().__init__(("127.0.0.1", ports.free_port()), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/base"


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.append(self.path)
        self.server.answer(self)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def answering(status: int, body: str, **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body.encode())

    return answer


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def send(api_base: str, *, timeout: float = 60) -> None:
    account = TwilioAccount("AC1", "token", api_base)
    with twilio_api.handing_over():
        twilio_api.connect(account, timeout=timeout).messages.create(to="+14165550177", from_="+15145550100", body="Hi")


def failure(api_base: str, *, timeout: float = 60) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        send(api_base, timeout=timeout)
    return caught.value


def test_the_sdk_talks_to_the_address_of_the_settings(provider: Provider) -> None:
    provider.answer = answering(201, '{"sid": "SM1"}')

    send(provider.url)

    assert provider.paths == ["/base/2010-04-01/Accounts/AC1/Messages.json"]


def test_nobody_listens_so_nothing_was_taken() -> None:
    assert isinstance(failure(f"http://127.0.0.1:{ports.free_port()}"), TransientFailure)


def test_a_name_that_leads_nowhere_took_nothing() -> None:
    assert isinstance(failure("http://twilio.invalid"), TransientFailure)


def test_slow_down_was_not_taken_and_says_when(provider: Provider) -> None:
    provider.answer = answering(429, "{}", Retry_After="7")

    error = failure(provider.url)

    assert isinstance(error, TransientFailure)
    assert error.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("header", ["soon", "", "-3"])
def test_slow_down_without_a_usable_time_leaves_the_wait_to_us(provider: Provider, header: str) -> None:
    provider.answer = answering(429, "{}", Retry_After=header)

    error = failure(provider.url)

    assert isinstance(error, TransientFailure)
    assert error.retry_after is None


def test_a_refusal_is_final_and_says_why(provider: Provider) -> None:
    provider.answer = answering(400, '{"code": 21610, "message": "Attempt to send to unsubscribed recipient"}')

    error = failure(provider.url)

    assert isinstance(error, PermanentFailure)
    assert str(error) == "Twilio refused it: the customer has opted out by writing STOP (error 21610)"
    assert (error.opted_out, error.dead_address) == (True, False)


def test_a_refusal_by_a_code_that_nobody_here_knows_is_told_in_twilios_words(provider: Provider) -> None:
    provider.answer = answering(400, '{"code": 29999, "message": "Strange thing"}')

    assert str(failure(provider.url)) == "Twilio refused it: Strange thing (error 29999)"


def test_a_refusal_that_passes_is_tried_again(provider: Provider) -> None:
    provider.answer = answering(400, '{"code": 21611, "message": "Too many queued"}')

    assert isinstance(failure(provider.url), TransientFailure)


def test_a_refusal_in_the_newer_form_says_why(provider: Provider) -> None:
    body = '{"type": "about:blank", "title": "Bad", "status": 400, "code": 20001, "detail": "That is no number"}'
    provider.answer = answering(400, body)

    assert str(failure(provider.url)) == "Twilio refused it: That is no number (error 20001)"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_trouble_at_twilio_leaves_the_outcome_unknown(provider: Provider, status: int) -> None:
    provider.answer = answering(status, "<html>")

    assert isinstance(failure(provider.url), OutcomeUnknown)
    assert len(provider.paths) == 1


def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown(provider: Provider) -> None:
    provider.answer = answering(201, "<html>")

    assert isinstance(failure(provider.url), OutcomeUnknown)


def test_a_connection_that_breaks_after_the_request_leaves_the_outcome_unknown(provider: Provider) -> None:
    provider.answer = lambda request: request.connection.close()

    assert isinstance(failure(provider.url), OutcomeUnknown)
    assert len(provider.paths) == 1


def test_silence_leaves_the_outcome_unknown(provider: Provider) -> None:
    provider.answer = lambda _: time.sleep(1)

    assert isinstance(failure(provider.url, timeout=0.2), OutcomeUnknown)
