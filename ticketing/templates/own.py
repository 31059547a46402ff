"""The desk's own wording of the texts that come with the program, also in languages that those lack."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from ticketing import audit
from ticketing.errors import InvalidInput, NotFound
from ticketing.events import Actor
from ticketing.languages import language_tag
from ticketing.models import Template
from ticketing.placeholders import check
from ticketing.store import db
from ticketing.templates.rendering import wordings
from ticketing.templates.shipped import BESIDES, Wording, names, shipped
from ticketing.wording import MAX_LANGUAGES, check_body

MAX_SUBJECT = 300


def every_wording() -> list[tuple[str, str, Wording]]:
    """Return all texts by name and language, as they are in use: a few dozen."""
    found = {(name, language): one for name in names() for language, one in shipped(name).items()}
    for row in db.session().scalars(select(Template).where(Template.name.in_(names()))):
        found[row.name, row.language] = Wording(row.subject, row.body, row.updated_at)
    return [(name, language, one) for (name, language), one in sorted(found.items(), key=lambda item: item[0])]


def put_wording(name: str, language: str, *, subject: str, body: str, by: Actor, at: datetime) -> Wording:
    """Use the desk's own words for a text from now on. Raises NotFound for a name that is none, InvalidInput."""
    besides = BESIDES.get(name, ())
    language = _language(language)
    others = wordings(name).keys() - {language}
    if len(others) >= MAX_LANGUAGES:
        raise InvalidInput(f"a template has at most {MAX_LANGUAGES} languages")
    subject = " ".join(subject.split())
    if len(subject) > MAX_SUBJECT:
        raise InvalidInput(f"a subject has at most {MAX_SUBJECT} characters")
    check(subject, besides=besides)
    check_body(body, language, besides=besides)
    _write(Template(name=name, language=language, subject=subject, body=body, updated_at=at))
    audit.record(
        "template_changed", subject="template", subject_id=None, by=by, at=at, data={"name": name, "language": language}
    )
    return Wording(subject, body, at)


def drop_wording(name: str, language: str, *, by: Actor, at: datetime) -> None:
    """Go back to the shipped words, or do without the language. Raises NotFound where there are no own words."""
    language = _language(language)
    shipped(name)
    gone = delete(Template).where(Template.name == name, Template.language == language).returning(Template.name)
    if db.session().execute(gone).first() is None:
        raise NotFound(f"the desk has no words of its own for {name} in {language}")
    audit.record(
        "template_dropped", subject="template", subject_id=None, by=by, at=at, data={"name": name, "language": language}
    )


def _language(tag: str) -> str:
    language = language_tag(tag)
    if not language:
        raise InvalidInput("name the language, like en or fr-CA")
    return language


def _write(row: Template) -> None:
    """Write over the words, or add them; when two people do so at once, the later one's stay."""
    session = db.session()
    try:
        with session.begin_nested():
            session.merge(row)
            session.flush()
    except IntegrityError:
        session.merge(row)
        session.flush()
