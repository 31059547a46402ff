"""Fold what people write in many ways, so that what is the same compares equal: accents, case, blanks. Pure."""

import unicodedata

from ticketing.envelope import HandleKind

PHONE_DIGITS = 8  # the last ones: what is left of a number without country and trunk codes
DOTLESS = frozenset({"gmail.com", "googlemail.com"})  # dots in the local part mean nothing there


def fold_words(text: str) -> str:
    """Return the text in lower case, without accents, with single blanks."""
    return " ".join(fold_letters(text).split())


def fold_letters(text: str) -> str:
    """Return the text in lower case, without accents; blanks stay as they are."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()


def fold_tag(text: str) -> str:
    """Return a tag as it is kept: in lower case, with single blanks; accents stay."""
    return " ".join(text.split()).casefold()


def name_key(name: str) -> str:
    """Return what two spellings of a name have in common: `Zoë  Krämer` and `KRAMER Zoe` are namesakes."""
    return " ".join(sorted(fold_words(name).split()))


def handle_key(kind: HandleKind, address: str) -> str:
    """Return what likely duplicates of a folded address have in common; too little to merge anybody by."""
    if kind is HandleKind.PHONE:
        return address[-PHONE_DIGITS:]
    if kind is not HandleKind.EMAIL:
        return address
    local, _, domain = address.rpartition("@")
    local = local.split("+", 1)[0] or local
    return f"{local.replace('.', '') if domain in DOTLESS else local}@{domain}"
