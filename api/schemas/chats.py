"""The chats of a ticket as JSON, for agents."""

from marshmallow import fields

from api.serialisation import Answer, Moment


class ChatRatingSchema(Answer):
    """How a visitor found the chat."""

    score = fields.Integer(required=True, metadata={"description": "From 1 (bad) to 5.", "example": 5})
    comment = fields.String(required=True, metadata={"example": "Quick and kind."})
    at = Moment(required=True)


class ChatSchema(Answer):
    """A visitor's chat. What they typed, nobody has proved; `identity` is by the word of the site."""

    id = fields.Integer(required=True, metadata={"example": 3})
    session = fields.String(required=True, metadata={"description": "The visitor's public id, as signals name it."})
    inbox = fields.Integer(required=True, metadata={"description": "The widget."})
    name = fields.String(required=True, metadata={"example": "Karim"})
    email = fields.String(required=True, metadata={"description": "As typed.", "example": "karim@home.example"})
    phone = fields.String(required=True, metadata={"description": "As typed.", "example": "+15145550123"})
    identity = fields.String(
        required=True, metadata={"description": "By which name the site knows them; empty when it does not say."}
    )
    page = fields.String(
        required=True,
        metadata={"description": "The page that they look at.", "example": "https://shop.example/kettles"},
    )
    language = fields.String(required=True, metadata={"example": "fr"})
    fields_ = fields.Dict(
        data_key="fields", required=True, metadata={"description": "What else they were asked before the chat."}
    )
    present = fields.Boolean(required=True, metadata={"description": "They are there: what you write, they can read."})
    away_since = Moment(required=True, allow_none=True)
    seen_at = Moment(required=True, metadata={"description": "When they last showed that they are there; to a minute."})
    instead = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "How they go on instead of waiting here: `callback` or `text`."},
    )
    read_until = fields.Integer(
        required=True, metadata={"description": "The last message of ours that they were shown; 0: none."}
    )
    desk_read_until = fields.Integer(
        required=True, metadata={"description": "The last message of theirs that an agent was shown; 0: none."}
    )
    rating = fields.Nested(ChatRatingSchema, required=True, allow_none=True)
    transcript_sent_at = Moment(required=True, allow_none=True)
    ended_at = Moment(required=True, allow_none=True, metadata={"description": "They said that they were done."})
    created_at = Moment(required=True)


class ChatsSchema(Answer):
    """The chats of a ticket, the newest first: one, unless tickets were merged."""

    items = fields.Nested(ChatSchema, many=True, required=True)
