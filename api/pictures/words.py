"""The words of reports and their pictures, in English and French, and numbers as people write them there."""

from datetime import date, timedelta

LANGUAGES = ("en", "fr")
THIN, FIXED = "\u202f", "\u00a0"  # blanks at which no line breaks

WORDS: dict[str, dict[str, str]] = {
    "attainment": {"en": "Promises kept", "fr": "Promesses tenues"},
    "waits": {"en": "How long people waited", "fr": "Combien de temps les clients ont attendu"},
    "sunday_map": {"en": "When customers come, and when we are open", "fr": "Quand on nous écrit, quand nous ouvrons"},
    "nothing": {"en": "No tickets in this time", "fr": "Aucun ticket dans cette période"},
    "span": {"en": "{begins} to {ends}, {zone}", "fr": "{begins} au {ends}, {zone}"},
    "kept_of": {"en": "{met} of {clocks} kept ({share})", "fr": "{met} sur {clocks} tenues ({share})"},
    "running": {"en": "{running} still running", "fr": "{running} encore en cours"},
    "kept": {"en": "kept", "fr": "tenues"},
    "breached": {"en": "not kept", "fr": "non tenues"},
    "clocks": {"en": "how many promises", "fr": "nombre de promesses"},
    "working": {"en": "working time", "fr": "temps ouvré"},
    "wall": {"en": "clock on the wall", "fr": "horloge murale"},
    "answered": {"en": "{answered} waits", "fr": "{answered} attentes"},
    "longest": {"en": "longest", "fr": "maximum"},
    "most": {"en": "95% within {span}", "fr": "95 % en {span}"},
    "more": {"en": "and {more} more rows: see the CSV", "fr": "et {more} autres lignes\u00a0: voir le CSV"},
    "contacts": {"en": "{contacts} contacts", "fr": "{contacts} contacts"},
    "one_contact": {"en": "{contacts} contact", "fr": "{contacts} contact"},
    "outside": {
        "en": "{contacts} contacts, {outside} ({share}) outside opening hours",
        "fr": "{contacts} contacts, dont {outside} ({share}) hors des heures d’ouverture",
    },
    "says": {"en": "{name}: {said}", "fr": "{name}\u00a0: {said}"},
    "open": {"en": "open", "fr": "ouvert"},
    "closed": {"en": "closed", "fr": "fermé"},
    "partly": {"en": "{outside} of them while closed", "fr": "dont {outside} pendant la fermeture"},
    "worst": {"en": "The hours missed most", "fr": "Les heures qui manquent le plus"},
    "none_outside": {"en": "Nobody came while we were closed", "fr": "Personne n’est venu pendant la fermeture"},
    "per_hour": {"en": "contacts in the hour:", "fr": "contacts dans l’heure\u00a0:"},
    "hours": {"en": "opening hours", "fr": "heures d’ouverture"},
    "first_response": {"en": "First response", "fr": "Première réponse"},
    "next_response": {"en": "Next response", "fr": "Réponse suivante"},
    "update": {"en": "Update", "fr": "Point d’étape"},
    "resolution": {"en": "Resolution", "fr": "Résolution"},
    "queue_wait": {"en": "Wait in the queue", "fr": "Attente dans la file"},
    "promise": {"en": "Promise", "fr": "Promesse"},
    "phone": {"en": "phone", "fr": "téléphone"},
    "sms": {"en": "SMS", "fr": "SMS"},
    "whatsapp": {"en": "WhatsApp", "fr": "WhatsApp"},
    "email": {"en": "email", "fr": "courriel"},
    "chat": {"en": "chat", "fr": "chat"},
    "api": {"en": "API", "fr": "API"},
    "low": {"en": "low", "fr": "basse"},
    "normal": {"en": "normal", "fr": "normale"},
    "high": {"en": "high", "fr": "haute"},
    "urgent": {"en": "urgent", "fr": "urgente"},
    "no_policy": {"en": "no policy", "fr": "sans politique"},
    "nobody": {"en": "nobody", "fr": "personne"},
    "mon": {"en": "Monday", "fr": "lundi"},
    "tue": {"en": "Tuesday", "fr": "mardi"},
    "wed": {"en": "Wednesday", "fr": "mercredi"},
    "thu": {"en": "Thursday", "fr": "jeudi"},
    "fri": {"en": "Friday", "fr": "vendredi"},
    "sat": {"en": "Saturday", "fr": "samedi"},
    "sun": {"en": "Sunday", "fr": "dimanche"},
}
MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "fr": ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."),
}
UNITS = ((86_400, {"en": "d", "fr": "j"}), (3600, {"en": "h", "fr": "h"}), (60, {"en": "min", "fr": "min"}))


def word(name: str, language: str, /, **values: object) -> str:
    """Return a word or a sentence with what belongs into it."""
    return WORDS[name][language].format(**values)


def number(value: int, language: str) -> str:
    """Return a whole number, its digits in groups of three."""
    return f"{value:,}".replace(",", THIN if language == "fr" else ",")


def percent(share: float | None, language: str) -> str:
    """Return a share of 1 as per cent; a dash where there is none."""
    if share is None:
        return "–"
    text = f"{share * 100:.1f}".removesuffix(".0")
    return f"{text.replace('.', ',')}{FIXED}%" if language == "fr" else f"{text}%"


def day(value: date, language: str, *, year: bool = False) -> str:
    """Return a date, short."""
    first = "1er" if language == "fr" and value.day == 1 else str(value.day)
    return f"{first} {MONTHS[language][value.month - 1]}" + (f" {value.year}" if year else "")


def span(seconds: int, language: str) -> str:
    """Return a span of time in its two greatest units: `1 d 4 h`, `2 min 30 s`."""
    parts, rest = [], seconds
    for size, names in UNITS:
        if rest >= size:
            parts.append(f"{rest // size}{FIXED}{names[language]}")
            rest %= size
    parts.append(f"{rest}{FIXED}s")
    shown = [one for one in parts[:2] if not one.startswith(f"0{FIXED}")]
    return " ".join(shown) or parts[0]


def hours(hour: int, language: str) -> str:
    """Return an hour of the day as a span of the clock."""
    return f"{hour} h – {hour + 1} h".replace(" ", FIXED) if language == "fr" else f"{hour}–{hour + 1}"


def last_day(ends: date, *, at_midnight: bool) -> date:
    """Return the last day of a period that ends on a day, at its midnight or later."""
    return ends - timedelta(days=1) if at_midnight else ends
