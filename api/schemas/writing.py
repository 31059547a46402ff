"""Canned replies, macros and templates as JSON."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Length, Range

from api.schemas.asked import Asked, Id, Text, Words
from api.schemas.custom_fields import CustomFields
from api.schemas.named import NamedSchema
from api.schemas.references import QueueName
from api.schemas.tickets import Tags, TicketSchema
from api.serialisation import Answer, DerivedEnum, Moment
from ticketing.belonging import MAX_NAME, Whose, whose
from ticketing.canned_replies import MAX_SHORTCUT
from ticketing.envelope import Channel
from ticketing.languages import LONGEST_TAG
from ticketing.macros import LONGEST_SNOOZE, MAX_ACTIONS
from ticketing.models import MessageKind
from ticketing.skills import MAX_SKILL, MAX_SKILLS
from ticketing.status import Priority, Status
from ticketing.templates.own import MAX_SUBJECT
from ticketing.wording import MAX_LANGUAGES, MAX_WORDS

IN_TWO = {"en": "Hello {{customer.first_name|there}}, …", "fr": "Bonjour {{customer.name}}, …"}
BY_LANGUAGE = {"description": "Texts with variables by language tag.", "example": IN_TWO}
MAX_POSITION = 1_000_000


class Bodies(fields.Dict):
    """Texts by language."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            keys=fields.String(validate=Length(1, LONGEST_TAG)),
            values=fields.String(validate=Length(1, MAX_WORDS)),
            validate=Length(1, MAX_LANGUAGES),
            metadata=BY_LANGUAGE,
            **kwargs,
        )


class BelongingSchema(Asked):
    """To whom a new thing belongs."""

    belongs = fields.Enum(
        Whose,
        by_value=True,
        load_default=Whose.OWN,
        metadata={"description": "`own`: only you use it; `queue`: whoever works it; `desk`: all (supervisors)."},
    )
    queue = Id(load_default=None, metadata={"description": "The queue's id, for what belongs to a queue."})


class CannedReplySchema(Answer):
    """Words to use again."""

    id = fields.Integer(required=True)
    name = fields.String(required=True, metadata={"example": "Return of a kettle"})
    shortcut = fields.String(required=True, metadata={"example": "return"})
    bodies = fields.Dict(keys=fields.String(), values=fields.String(), required=True, metadata=BY_LANGUAGE)
    belongs = DerivedEnum(Whose, of=whose, by_value=True, required=True)
    queue = fields.Nested(NamedSchema, required=True, allow_none=True)
    created_at = Moment(required=True)
    updated_at = Moment(required=True)


class CannedReplyPageSchema(Answer):
    """A page of canned replies."""

    items = fields.Nested(CannedReplySchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class CannedReplyChangeSchema(Asked):
    """What to change of a canned reply; what is not named stays."""

    name = Words(MAX_NAME, metadata={"example": "Return of a kettle"})
    shortcut = Text(MAX_SHORTCUT, metadata={"example": "return"})
    bodies = Bodies()


class NewCannedReplySchema(BelongingSchema):
    """A canned reply to make."""

    name = Words(MAX_NAME, required=True, metadata={"example": "Return of a kettle"})
    shortcut = Text(MAX_SHORTCUT, load_default="", metadata={"example": "return"})
    bodies = Bodies(required=True)


class RenderQuery(Asked):
    """For which ticket."""

    ticket = Id(strict=False, required=True, metadata={"description": "The ticket whose values are filled in."})


class WordedSchema(Answer):
    """A text as it is chosen and filled in."""

    language = fields.String(required=True, metadata={"example": "fr"})
    body = fields.String(required=True)


class MacroReplySchema(Asked):
    """A reply: words by language, or those of a canned reply, or those of a template."""

    bodies = Bodies()
    canned_reply = Id()
    template = Words(60, metadata={"example": "solved"})
    channel = fields.Enum(Channel, by_value=True)

    @validates_schema
    def check_one_source(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse no words, and words from two places."""
        if len(data.keys() - {"channel"}) != 1:
            raise ValidationError("Give the words by one of bodies, canned_reply and template.")


class Assignee(fields.Field[str | int]):
    """`me`, `none`, or an agent's id."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str | int:
        if value in ("me", "none") or (isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63):
            return str(value) if isinstance(value, str) else int(value)
        raise ValidationError("Must be me, none or an agent's id.")


class MacroActionSchema(Asked):
    """One action: an object with one of these keys."""

    reply = fields.Nested(MacroReplySchema)
    note = Words(MAX_WORDS)
    status = fields.Enum(Status, by_value=True)
    priority = fields.Enum(Priority, by_value=True)
    queue = QueueName(metadata={"anyOf": [{"type": "string"}, {"type": "integer"}]})
    assign = Assignee(metadata={"anyOf": [{"type": "integer"}, {"enum": ["me", "none"]}]})
    tags_add = Tags()
    tags_remove = Tags()
    custom = CustomFields(attribute="fields", data_key="fields")
    snooze_for_seconds = fields.Integer(strict=True, validate=Range(1, LONGEST_SNOOZE))
    skills = fields.List(Words(MAX_SKILL), validate=Length(max=MAX_SKILLS))

    @validates_schema
    def check_one_thing(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse an action that does nothing, or two things in no order."""
        if len(data) != 1:
            raise ValidationError("An action does one thing: an object with one key.")


ACTIONS: list[dict[str, Any]] = [{"reply": {"template": "solved"}}, {"tags_add": ["kettle"]}, {"status": "solved"}]
ACTIONS_METADATA = {"description": "What is done, in this order; all or nothing.", "example": ACTIONS}


class MacroSchema(Answer):
    """Several actions at once."""

    id = fields.Integer(required=True)
    name = fields.String(required=True, metadata={"example": "Replaced"})
    actions = fields.List(fields.Dict(keys=fields.String()), required=True, metadata=ACTIONS_METADATA)
    position = fields.Integer(required=True)
    belongs = DerivedEnum(Whose, of=whose, by_value=True, required=True)
    queue = fields.Nested(NamedSchema, required=True, allow_none=True)
    created_at = Moment(required=True)
    updated_at = Moment(required=True)


class MacroPageSchema(Answer):
    """A page of macros."""

    items = fields.Nested(MacroSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class MacroChangeSchema(Asked):
    """What to change of a macro; what is not named stays."""

    name = Words(MAX_NAME, metadata={"example": "Replaced"})
    position = fields.Integer(strict=True, validate=Range(0, MAX_POSITION))
    actions = fields.List(
        fields.Nested(MacroActionSchema), validate=Length(1, MAX_ACTIONS), metadata={"description": "Replaces all."}
    )


class NewMacroSchema(BelongingSchema):
    """A macro to make."""

    name = Words(MAX_NAME, required=True, metadata={"example": "Replaced"})
    position = fields.Integer(strict=True, load_default=0, validate=Range(0, MAX_POSITION))
    actions = fields.List(
        fields.Nested(MacroActionSchema), required=True, validate=Length(1, MAX_ACTIONS), metadata=ACTIONS_METADATA
    )


class ApplyQuery(Asked):
    """Whether it is for show."""

    dry_run = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        metadata={"description": "Tell what would happen, and let nothing happen."},
    )


class WrittenSchema(Answer):
    """A message that a macro wrote, or would write."""

    kind = fields.Enum(MessageKind, by_value=True, required=True)
    channel = fields.Enum(Channel, by_value=True, required=True)
    body = fields.String(required=True)


class HappenedSchema(Answer):
    """An entry of the journal that a macro wrote, or would write."""

    kind = fields.String(required=True, metadata={"example": "priority_changed"})
    data = fields.Dict(keys=fields.String(), required=True)


class AppliedSchema(Answer):
    """What a macro did, or would do."""

    dry_run = fields.Boolean(required=True)
    ticket = fields.Nested(TicketSchema, required=True)
    messages = fields.Nested(WrittenSchema, many=True, required=True)
    events = fields.Nested(HappenedSchema, many=True, required=True)

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Return what is given: its parts were dumped inside the transaction."""
        return obj


class TemplateSchema(Answer):
    """One of the desk's texts, in one language."""

    name = fields.String(required=True, metadata={"example": "acknowledgement"})
    language = fields.String(required=True, metadata={"example": "fr"})
    subject = fields.String(required=True)
    body = fields.String(required=True)
    own = fields.Boolean(required=True, metadata={"description": "False: as it came with the program."})
    updated_at = Moment(required=True, allow_none=True)


class TemplatePageSchema(Answer):
    """All templates."""

    items = fields.Nested(TemplateSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class TemplateChangeSchema(Asked):
    """The desk's own words."""

    subject = Text(MAX_SUBJECT, load_default="", metadata={"example": "We have your message"})
    body = Words(MAX_WORDS, required=True, metadata={"example": "Hello {{customer.first_name|there}}, …"})


class TemplateRenderQuery(RenderQuery):
    """For which ticket, in which language."""

    language = Text(LONGEST_TAG, load_default="", metadata={"description": "Without it: the customer's."})


class RenderedSchema(WordedSchema):
    """A template as it is chosen and filled in."""

    subject = fields.String(required=True)
