"""The core's tables. Import models from here."""

from ticketing.models.access import AuditEntry, KeptAnswer
from ticketing.models.agent import Agent, Credential, Identity, LoginSession, Presence, Role, Token
from ticketing.models.customer import Claim, Consent, Customer, CustomerMerge, Handle, OptOut
from ticketing.models.field import FieldDefinition, FieldKind, FieldSubject
from ticketing.models.journal import JournalEntry
from ticketing.models.message import Attachment, Draft, Mention, Message, MessageKind, Onlooker, Participant
from ticketing.models.queue import Assignment, Inbox, Queue, QueueAccess, QueueMember
from ticketing.models.ticket import LinkKind, Ticket, TicketLink, TicketSkill, TicketTag
from ticketing.models.wait import Wait, WaitEnd
from ticketing.models.writing import CannedReply, Macro, Template, View, ViewScope

__all__ = [
    "Agent",
    "Assignment",
    "Attachment",
    "AuditEntry",
    "CannedReply",
    "Claim",
    "Consent",
    "Credential",
    "Customer",
    "CustomerMerge",
    "Draft",
    "FieldDefinition",
    "FieldKind",
    "FieldSubject",
    "Handle",
    "Identity",
    "Inbox",
    "JournalEntry",
    "KeptAnswer",
    "LinkKind",
    "LoginSession",
    "Macro",
    "Mention",
    "Message",
    "MessageKind",
    "Onlooker",
    "OptOut",
    "Participant",
    "Presence",
    "Queue",
    "QueueAccess",
    "QueueMember",
    "Role",
    "Template",
    "Ticket",
    "TicketLink",
    "TicketSkill",
    "TicketTag",
    "Token",
    "View",
    "ViewScope",
    "Wait",
    "WaitEnd",
]
