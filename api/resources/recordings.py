"""Recordings of calls: listed, played, written down, deleted. Who sees the ticket may hear them."""

import re
from typing import Any

from flask import Response, request
from flask.views import MethodView
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from api.auth import actor, caller
from api.blueprint import Blueprint
from api.downloads import in_place
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.schemas.recordings import RecordingPageSchema, RecordingSchema, TranscriptSchema
from channels.phone import recordings
from channels.phone.models import Recording, RecordingState
from ticketing import audit
from ticketing.errors import Conflict, NotFound
from ticketing.files import file_store
from ticketing.models import Message, Role, Ticket
from ticketing.moment import utc_now
from ticketing.queries import lock_seen, read_ticket
from ticketing.store import db
from ticketing.transaction import transaction

blueprint = Blueprint("recordings", description="Recordings of calls")


@blueprint.route("/tickets/<id:ticket_id>/recordings")
class RecordingsOfTicket(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, RecordingPageSchema, description="A page of recordings")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], ticket_id: int) -> Listed:
        """List what was recorded on a ticket, oldest first."""
        read_ticket(caller(), ticket_id)
        after, limit = id_after(asked["after"]), asked["limit"]
        query = select(Recording).join(Message, Message.id == Recording.message_id)
        query = query.where(Message.ticket_id == ticket_id, Recording.id > after).order_by(Recording.id)
        return page_by_id(db.session().scalars(query.limit(limit + 1)).all(), limit)


@blueprint.route("/recordings/<id:recording_id>")
class OneRecording(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.answers(200, RecordingSchema, description="The recording")
    @blueprint.refuses(404)
    def get(self, recording_id: int) -> Recording:
        """Read what we know of a recording, and what is said in it."""
        return _read(recording_id)

    @blueprint.needs("tickets:write", role=Role.SUPERVISOR)
    @blueprint.answers(204, description="It is deleted, here and at the provider, and its transcript with it")
    @blueprint.refuses(404)
    def delete(self, recording_id: int) -> None:
        """Delete a recording for good, with what was written down of it. That it was made stays known."""
        with transaction("api"):
            ticket, recording = _lock(recording_id)
            if recording.state is RecordingState.DELETED:
                return
            recordings.discard(ticket, recording, words=True, by=actor(), at=utc_now())
            data = {"ticket": ticket.id, "call": recording.call_id}
            by, at = actor(), utc_now()
            audit.record("recording_deleted", subject="recording", subject_id=recording_id, by=by, at=at, data=data)


@blueprint.route("/recordings/<id:recording_id>/content")
class Content(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.gives_file("The sound; with `Range` a part of it", content_type="audio/wav")
    @blueprint.refuses(404, 409, 416)
    def get(self, recording_id: int) -> Response:
        """Play a recording. 409 while it is on its way to us; 404 when it is not there any more."""
        return _played(_read(recording_id))


@blueprint.route("/recordings/<id:recording_id>/transcript")
class Transcript(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.takes(TranscriptSchema)
    @blueprint.answers(200, RecordingSchema, description="The recording, with its words")
    @blueprint.refuses(404, 409)
    def put(self, asked: dict[str, Any], recording_id: int) -> Recording:
        """Write down what is said, or put right what a program wrote. A search finds it."""
        with transaction("api"):
            ticket, recording = _lock(recording_id)
            if recording.state is RecordingState.DELETED:
                raise Conflict(f"recording {recording_id} is deleted")
            recordings.add_transcript(ticket, recording, asked["text"], by=actor(), at=utc_now())
            return recording


def _read(recording_id: int) -> Recording:
    recording, ticket_id = _found(recording_id)
    try:
        read_ticket(caller(), ticket_id)
    except NotFound:
        raise _none(recording_id) from None
    return recording


def _lock(recording_id: int) -> tuple[Ticket, Recording]:
    """Return a recording and the ticket that shows it, locked; a merge may move it while we wait."""
    while True:
        recording, ticket_id = _found(recording_id)
        try:
            ticket = lock_seen(caller(), ticket_id)
        except NotFound:
            raise _none(recording_id) from None
        recording, shown_on = _found(recording_id)
        if shown_on == ticket.id:
            return ticket, recording


def _found(recording_id: int) -> tuple[Recording, int]:
    query = select(Recording, Message.ticket_id).join(Message, Message.id == Recording.message_id)
    query = query.where(Recording.id == recording_id).options(joinedload(Recording.attachment))
    found = db.session().execute(query.execution_options(populate_existing=True)).first()
    if found is None:
        raise _none(recording_id)
    return found[0], found[1]


def _none(recording_id: int) -> NotFound:
    return NotFound(f"there is no recording {recording_id}")


def _played(recording: Recording) -> Response:
    """Answer with the sound, to be played in a page or saved, from any point on."""
    if recording.state is RecordingState.ANNOUNCED:
        raise Conflict(f"recording {recording.id} is still on its way from the provider; try again soon")
    kept = recording.attachment
    if recording.state is not RecordingState.KEPT or kept is None or not file_store().has(kept.sha256):
        raise NotFound(recording.error or f"the sound of recording {recording.id} is not here any more")
    answer = in_place(kept, content_type=kept.content_type, filename=kept.filename)
    # RFC 9110, 14.2: other units than bytes are to be ignored; several parts at once may be.
    asked = request.headers.get("Range", "").replace(" ", "")
    in_part = re.fullmatch(r"bytes=(\d{1,15}-\d{0,15}|-\d{1,15})", asked) is not None
    answer.headers["Accept-Ranges"] = "bytes"
    answer.make_conditional(request, accept_ranges=in_part, complete_length=kept.size if in_part else None)
    return answer
