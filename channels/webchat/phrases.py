"""What we say to visitors of a chat by ourselves, English and French."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrases:
    """One language's."""

    text: str  # the first text message, {desk}
    text_in_line: str  # likewise, to who keeps their place
    visitor: str  # how a transcript calls them
    desk: str  # and us, where nobody's name is known
    file: str  # {name}


PHRASES = {
    "en": Phrases(
        text="{desk}: you wrote to us in the chat and chose to go on by text message. Answer here.",
        text_in_line="{desk}: you wrote to us in the chat and chose to go on by text message. You keep your place in "
        "line; we answer here.",
        visitor="You",
        desk="We",
        file="File: {name}",
    ),
    "fr": Phrases(
        text="{desk} : vous nous avez écrit dans le chat et choisi de continuer par texto. Répondez ici.",
        text_in_line="{desk} : vous nous avez écrit dans le chat et choisi de continuer par texto. Vous gardez votre "
        "place ; nous répondons ici.",
        visitor="Vous",
        desk="Nous",
        file="Fichier : {name}",
    ),
}


def in_language(tag: str) -> Phrases:
    """Return what we say in a language, in English if we do not speak it."""
    return PHRASES.get(tag.partition("-")[0].lower(), PHRASES["en"])
