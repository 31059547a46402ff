"""The core's tables. Import models from here."""

from ticketing.models.agent import Agent, Role, Token
from ticketing.models.customer import Customer, Handle
from ticketing.models.journal import JournalEntry
from ticketing.models.message import Attachment, Message, MessageKind
from ticketing.models.queue import Inbox, Queue, QueueAccess, QueueMember
from ticketing.models.ticket import Ticket, TicketTag

__all__ = [
    "Agent",
    "Attachment",
    "Customer",
    "Handle",
    "Inbox",
    "JournalEntry",
    "Message",
    "MessageKind",
    "Queue",
    "QueueAccess",
    "QueueMember",
    "Role",
    "Ticket",
    "TicketTag",
    "Token",
]
