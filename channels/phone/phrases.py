"""What callers hear and read from us, in each language that we speak. One table; what is added is added in all of them.

Words in braces are filled in by whoever says them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from ticketing.waits import Estimate

DEFAULT = "en"
# What Twilio's <Say> speaks of these languages; the first is for whoever names the language alone.
# https://www.twilio.com/docs/voice/twiml/say/text-speech
LOCALES = {
    "en": ("en-US", "en-GB", "en-AU", "en-CA", "en-IN"),
    "fr": ("fr-FR", "fr-CA", "fr-BE"),
}


@dataclass(frozen=True)
class Phrases:
    """What is said in one language."""

    # On the way in.
    hello: str
    closed: str
    opens: str  # {when}
    noted: str
    recorded_notice: str
    menu_again: str
    # In the line.
    next_in_line: str
    place: str  # {place}
    wait_unknown: str
    wait_more_than: str  # {time}
    wait_less_than: str  # {time}
    wait_about: str  # {time}
    wait_between: str  # {low}, {high}: numbers, the latter with its unit
    connecting: str
    offer_callback: str
    offer_callback_closed: str
    offer_voicemail: str
    offer_text: str
    # Out of it.
    full: str
    long_wait: str
    or_stay: str
    not_offered: str
    voicemail: str
    thanks: str
    thanks_in_line: str
    nothing_heard: str
    texted: str
    texted_in_line: str
    not_texted: str
    text: str  # a text message: {desk}
    text_in_line: str
    ask_number: str
    wrong_number: str
    nobody_now: str
    # A callback.
    callback_when: str  # what precedes the windows
    callback_key: str  # {key}, {window}
    callback_now: str
    callback_window: str  # {since}, {until}
    callback_booked: str  # {window}
    callback_missed: str  # spoken to a mailbox, and a text message: {desk}
    # Between agents.
    lost: str
    handed_on: str
    trouble: str
    # To agents.
    press_to_answer: str
    call_over: str
    reasons: Mapping[str, str]  # the journal's words for why there is no call any more -> as they are said
    # Time, as it is said.
    minutes: tuple[str, str]  # of one, of several: {n}
    hours: tuple[str, str]
    than_minutes: tuple[str, str]  # behind "more" and "less"
    than_hours: tuple[str, str]
    today: str  # {time}
    tomorrow: str
    on_day: str  # {day}, {time}
    on_date: str  # {day}, {date}, {month}, {time}
    time: str  # {h}, {mm}
    full_hour: str  # {h}
    days: Sequence[str]
    months: Sequence[str]


PHRASES: Mapping[str, Phrases] = {
    "en": Phrases(
        hello="Hello, and thank you for calling.",
        closed="We are closed at the moment.",
        opens="We are open again {when}.",
        noted="Your call is noted, and somebody will get back to you.",
        recorded_notice="This call may be recorded.",
        menu_again="We did not understand that.",
        next_in_line="You are next.",
        place="You are number {place} in line.",
        wait_unknown="We cannot tell yet how long it will take.",
        wait_more_than="It will take more {time}.",
        wait_less_than="It will take less {time}.",
        wait_about="It will take about {time}.",
        wait_between="It will take between {low} and {high}.",
        connecting="We are calling somebody for you right now. Please stay on the line.",
        offer_callback="Press 1 to be called back; you keep your place.",
        offer_callback_closed="Press 1 to be called back when we are open.",
        offer_voicemail="Press 2 to leave a message.",
        offer_text="Press 3 to go on by text message.",
        full="All our lines are busy, and more people are waiting than we can answer soon.",
        long_wait="We are sorry that you have waited for so long.",
        or_stay="Or stay on the line to leave a message.",
        not_offered="That key does nothing here.",
        voicemail="Please leave a message after the tone, and press the hash key when you are done.",
        thanks="Thank you. Your message is recorded, and somebody will get back to you. Goodbye.",
        thanks_in_line="Thank you. Your message is recorded, and you keep your place in line. Goodbye.",
        nothing_heard="We did not hear a message, but your call is noted. Goodbye.",
        texted="We have sent you a text message. Answer it to tell us more. Goodbye.",
        texted_in_line="We have sent you a text message. Answer it to tell us more. You keep your place in line. "
        "Goodbye.",
        not_texted="We cannot send a text message to your number.",
        text="{desk}: you called us and chose to go on by text message. Tell us here how we can help.",
        text_in_line="{desk}: you called us and chose to go on by text message. Tell us here how we can help. "
        "You keep your place in line.",
        ask_number="Your number is withheld. Type the number at which we shall call you, and then press the hash key.",
        wrong_number="We cannot call that number.",
        nobody_now="Nobody can take your call now, but it is noted, and somebody will get back to you. Goodbye.",
        callback_when="When shall we call you?",
        callback_key="Press {key} for {window}.",
        callback_now="as soon as it is your turn",
        callback_window="{since} to {until}",
        callback_booked="We will call you {window}. You keep your place in line. Goodbye.",
        callback_missed="This is {desk}. You asked us to call you back, and we could not reach you. "
        "Call us again whenever it suits you, or answer this message.",
        lost="We are sorry: we have lost the person you spoke with. You are next; please stay on the line.",
        handed_on="We are handing you on. Please stay on the line.",
        trouble="We are sorry: your call reached us, but something is wrong on our side, so nobody may see it soon. "
        "Please call again later, or write to us. Goodbye.",
        press_to_answer="This is your desk. A customer is on the line. Press any key to answer.",
        call_over="The call is over.",
        reasons={},  # the journal is in English
        minutes=("one minute", "{n} minutes"),
        hours=("one hour", "{n} hours"),
        than_minutes=("than one minute", "than {n} minutes"),
        than_hours=("than one hour", "than {n} hours"),
        today="today at {time}",
        tomorrow="tomorrow at {time}",
        on_day="on {day} at {time}",
        on_date="on {day}, {date} {month}, at {time}",
        time="{h}:{mm}",
        full_hour="{h}:00",
        days=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        months=(
            *("January", "February", "March", "April", "May", "June", "July"),
            *("August", "September", "October", "November", "December"),
        ),
    ),
    "fr": Phrases(
        hello="Bonjour, et merci de votre appel.",
        closed="Nous sommes fermés en ce moment.",
        opens="Nous serons de nouveau là {when}.",
        noted="Votre appel est bien noté, et quelqu'un vous répondra.",
        recorded_notice="Cet appel peut être enregistré.",
        menu_again="Nous n'avons pas compris.",
        next_in_line="Vous êtes la prochaine personne.",
        place="Vous êtes en position {place} dans la file.",
        wait_unknown="Nous ne savons pas encore combien de temps il faudra.",
        wait_more_than="Il faudra plus {time}.",
        wait_less_than="Il faudra moins {time}.",
        wait_about="Il faudra environ {time}.",
        wait_between="Il faudra entre {low} et {high}.",
        connecting="Nous appelons quelqu'un pour vous en ce moment même. Restez en ligne.",
        offer_callback="Appuyez sur 1 pour être rappelé ; vous gardez votre place.",
        offer_callback_closed="Appuyez sur 1 pour être rappelé pendant nos heures d'ouverture.",
        offer_voicemail="Appuyez sur 2 pour laisser un message.",
        offer_text="Appuyez sur 3 pour continuer par texto.",
        full="Toutes nos lignes sont occupées, et trop de personnes attendent pour que nous répondions bientôt.",
        long_wait="Nous sommes désolés que vous ayez attendu si longtemps.",
        or_stay="Ou restez en ligne pour laisser un message.",
        not_offered="Cette touche ne sert à rien ici.",
        voicemail="Laissez un message après le signal, puis appuyez sur la touche dièse.",
        thanks="Merci. Votre message est enregistré, et quelqu'un vous répondra. Au revoir.",
        thanks_in_line="Merci. Votre message est enregistré, et vous gardez votre place dans la file. Au revoir.",
        nothing_heard="Nous n'avons pas entendu de message, mais votre appel est bien noté. Au revoir.",
        texted="Nous vous avons envoyé un texto. Répondez-y pour nous en dire plus. Au revoir.",
        texted_in_line="Nous vous avons envoyé un texto. Répondez-y pour nous en dire plus. Vous gardez votre place "
        "dans la file. Au revoir.",
        not_texted="Nous ne pouvons pas envoyer de texto à votre numéro.",
        text="{desk} : vous nous avez appelés et choisi de continuer par texto. Dites-nous ici comment vous aider.",
        text_in_line="{desk} : vous nous avez appelés et choisi de continuer par texto. Dites-nous ici comment vous "
        "aider. Vous gardez votre place dans la file.",
        ask_number="Votre numéro est masqué. Composez le numéro auquel vous rappeler, puis appuyez sur la touche "
        "dièse.",
        wrong_number="Nous ne pouvons pas appeler ce numéro.",
        nobody_now="Personne ne peut prendre votre appel, mais il est bien noté, et quelqu'un vous répondra. "
        "Au revoir.",
        callback_when="Quand pouvons-nous vous rappeler ?",
        callback_key="Appuyez sur {key} pour {window}.",
        callback_now="dès que ce sera votre tour",
        callback_window="{since} jusqu'à {until}",
        callback_booked="Nous vous rappellerons {window}. Vous gardez votre place. Au revoir.",
        callback_missed="Ici {desk}. Vous nous aviez demandé de vous rappeler, et nous n'avons pas pu vous joindre. "
        "Rappelez-nous quand vous voulez, ou répondez à ce message.",
        lost="Nous sommes désolés : nous avons perdu la personne qui vous parlait. Vous êtes la prochaine personne ; "
        "restez en ligne.",
        handed_on="Nous vous passons quelqu'un d'autre. Restez en ligne.",
        trouble="Nous sommes désolés : votre appel nous est parvenu, mais un ennui de notre côté peut nous empêcher "
        "de le voir bientôt. Rappelez plus tard, ou écrivez-nous. Au revoir.",
        press_to_answer="Ici votre service. Un client est en ligne. Appuyez sur une touche pour répondre.",
        call_over="L'appel est terminé.",
        reasons={
            "a mailbox picked up": "Une messagerie a répondu.",
            "handed the customer on": "Le client a été transféré.",
            "left": "Vous avez quitté l'appel.",
            "no word came of the customer's phone": "Le téléphone du client n'a pas répondu.",
            "nobody was there any more": "Il n'y avait plus personne.",
            "somebody else takes the call": "Quelqu'un d'autre prend l'appel.",
            "the agent gave the call back": "L'appel a été rendu à la file.",
            "the call is over": "L'appel est terminé.",
            "the call was cancelled": "L'appel a été annulé.",
            "the call was ended": "L'appel est terminé.",
            "the customer could not be connected": "Le client n'a pas pu être mis en relation.",
            "the customer does not pick up": "Le client ne répond pas.",
            "the customer hung up": "Le client a raccroché.",
            "the customer is in the line again": "Le client est de nouveau dans la file.",
            "the customer's line is busy": "La ligne du client est occupée.",
            "the customer's number cannot be reached": "Le numéro du client est injoignable.",
            "the ticket was merged into another agent's": "Le ticket a été fusionné avec celui de quelqu'un d'autre.",
            "the transfer was cancelled": "Le transfert a été annulé.",
        },
        minutes=("une minute", "{n} minutes"),
        hours=("une heure", "{n} heures"),
        than_minutes=("d'une minute", "de {n} minutes"),
        than_hours=("d'une heure", "de {n} heures"),
        today="aujourd'hui à {time}",
        tomorrow="demain à {time}",
        on_day="{day} à {time}",
        on_date="le {day} {date} {month} à {time}",
        time="{h} heures {mm}",
        full_hour="{h} heures",
        days=("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
        months=(
            *("janvier", "février", "mars", "avril", "mai", "juin", "juillet"),
            *("août", "septembre", "octobre", "novembre", "décembre"),
        ),
    ),
}

LONG_IN_MINUTES = 90  # beyond, people say hours


def in_language(tag: str) -> Phrases:
    """Return what we say in a language, in English if we do not speak it."""
    return PHRASES.get(_primary(tag), PHRASES[DEFAULT])


def spoken_language(*wishes: str) -> str:
    """Return the first of these languages that we speak, as Twilio's `<Say>` knows it. Wishes are IETF tags, or ""."""
    for wish in wishes:
        locales = LOCALES.get(_primary(wish))
        if locales is not None:
            exact = next((one for one in locales if one.lower() == wish.lower()), None)
            same = (one for one in wishes if one in locales)  # the desk's own way to speak that language
            return exact or next(same, locales[0])
    return LOCALES[DEFAULT][0]


def reason_told(reason: str, phrases: Phrases) -> str:
    """Say to somebody of the desk why there is no call any more; "" for no reason.

    What only the provider could say in another language is that it is over.
    """
    if not reason:
        return ""
    if phrases is PHRASES[DEFAULT]:
        return f"{reason[:1].upper()}{reason[1:]}."
    return phrases.reasons.get(reason, phrases.call_over)


def wait_told(estimate: Estimate, phrases: Phrases) -> str:
    """Say how long somebody still has to wait; nothing is promised that is not known."""
    low, high = estimate.low_seconds // 60, estimate.high_seconds
    if high is None:
        if low == 0:
            return phrases.wait_unknown
        return phrases.wait_more_than.format(time=_than(low, phrases))
    most = max(1, ceil(high / 60))
    if low == 0:
        return phrases.wait_less_than.format(time=_than(most, phrases, up=True))
    if low == most:
        return phrases.wait_about.format(time=_span(most, phrases))
    if most <= LONG_IN_MINUTES:
        return phrases.wait_between.format(low=low, high=_span(most, phrases))
    if low < 60:
        return phrases.wait_between.format(low=_span(low, phrases), high=_span(most, phrases, up=True))
    first, last = low // 60, ceil(most / 60)
    if first == last:
        return phrases.wait_about.format(time=_count(first, phrases.hours))
    return phrases.wait_between.format(low=first, high=_count(last, phrases.hours))


def when_told(moment: datetime, *, now: datetime, zone: str, phrases: Phrases) -> str:
    """Say when something is, such as "tomorrow at 9:00", in a time zone."""
    local, today = moment.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
    form = phrases.full_hour if local.minute == 0 else phrases.time
    time = form.format(h=local.hour, mm=f"{local.minute:02}")
    ahead = local.date() - today
    if ahead <= timedelta(0):
        return phrases.today.format(time=time)
    if ahead == timedelta(days=1):
        return phrases.tomorrow.format(time=time)
    day = phrases.days[local.weekday()]
    if ahead < timedelta(days=7):
        return phrases.on_day.format(day=day, time=time)
    return phrases.on_date.format(day=day, date=local.day, month=phrases.months[local.month - 1], time=time)


def _span(minutes: int, phrases: Phrases, *, up: bool = False) -> str:
    if minutes <= LONG_IN_MINUTES:
        return _count(minutes, phrases.minutes)
    return _count(ceil(minutes / 60) if up else minutes // 60, phrases.hours)


def _than(minutes: int, phrases: Phrases, *, up: bool = False) -> str:
    if minutes <= LONG_IN_MINUTES:
        return _count(minutes, phrases.than_minutes)
    return _count(ceil(minutes / 60) if up else minutes // 60, phrases.than_hours)


def _count(number: int, forms: tuple[str, str]) -> str:
    return forms[0] if number == 1 else forms[1].format(n=number)


def _primary(tag: str) -> str:
    return tag.partition("-")[0].lower()
