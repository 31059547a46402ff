"""What is new in a mail, and what it only repeats."""

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.quoting import MARKER, split_reply

ANSWERS = {  # what stands below the new words "It works now, thank you." in the styles of many mail programs
    "gmail, english": "On Tue, 3 Nov 2026 at 09:14, Support <help@shop.example> wrote:\n> Have you tried it?\n",
    "gmail, wrapped": (
        "On Tue, 3 Nov 2026 at 09:14, The Long Named Support Team <\nhelp@shop.example> wrote:\n\n> Yes?\n"
    ),
    "apple, french": "Le 3 nov. 2026 à 09:14, Support <aide@shop.example> a écrit :\n> Essayez encore.\n",
    "gmail, german": "Am Di., 3. Nov. 2026 um 09:14 Uhr schrieb Support <hilfe@shop.example>:\n> Geht es?\n",
    "name first, german": "Support <hilfe@shop.example> schrieb am Di., 3. Nov. 2026\num 09:14 Uhr:\n\n> Geht es?\n",
    "gmail, spanish": "El mar, 3 nov 2026 a las 9:14, Soporte (<ayuda@shop.example>) escribió:\n> Hola\n",
    "gmail, italian": "Il giorno mar 3 nov 2026 alle ore 09:14 Aiuto <aiuto@shop.example> ha scritto:\n> Ciao\n",
    "gmail, portuguese": "Em ter., 3 de nov. de 2026 às 09:14, Ajuda <ajuda@shop.example> escreveu:\n> Olá\n",
    "gmail, dutch": "Op di 3 nov 2026 om 09:14 schreef Hulp <hulp@shop.example>:\n> Hallo\n",
    "gmail, polish": "wt., 3 lis 2026 o 09:14 Pomoc <pomoc@shop.example> napisał(a):\n> Witam\n",
    "gmail, swedish": "Den tis 3 nov. 2026 kl 09:14 skrev Hjälp <hjalp@shop.example>:\n> Hej\n",
    "gmail, danish": "Den tirs. 3. nov. 2026 kl. 09.14 skrev Hjælp <hjaelp@shop.example>:\n> Hej\n",
    "gmail, finnish": "ti 3. marrask. 2026 klo 9.14 Apu (apu@shop.example) kirjoitti:\n> Hei\n",
    "gmail, russian": (
        "вт, 3 нояб. 2026 г. в 09:14, Помощь <help@shop.example>:\nпользователь Помощь 3.11.2026 написал:\n> Да\n"
    ),
    "gmail, ukrainian": "вт, 3 лист. 2026 р. о 09:14 Допомога <help@shop.example> пише:\n> Так\n",
    "gmail, japanese": "2026年11月3日(火) 9:14 サポート <help@shop.example>:\n> はい\n",
    "apple, chinese": "在 2026年11月3日，上午9:14，客服 <help@shop.example> 写道：\n> 你好\n",
    "outlook, english": (
        "From: Support <help@shop.example>\nSent: Tuesday, 3 November 2026 09:14\nTo: Ann\nSubject: Printer\n\nHello\n"
    ),
    "outlook, german": (
        "Von: Hilfe <hilfe@shop.example>\nGesendet: Dienstag, 3. November 2026\nAn: Ann\n"
        "Betreff: Drucker\n\nGuten Tag\n"
    ),
    "outlook, french": (
        "De : Aide <aide@shop.example>\nEnvoyé : mardi 3 novembre 2026\nÀ : Ann\nObjet : Imprimante\n\nBonjour\n"
    ),
    "outlook, old": "-----Original Message-----\nFrom: Support\n\nHello\n",
    "outlook, old, italian": "-----Messaggio originale-----\nDa: Aiuto\n\nBuongiorno\n",
    "our own marker": f"> {MARKER}\n> Have you tried it?\n",
    "quotes only": "> Have you tried it?\n> Yours, Support\n",
    "signature": "-- \nAnn Smith\n+44 20 7946 0000\n",
    "phone": "Sent from my iPhone\n",
    "phone, french": "Envoyé de mon iPhone\n",
    "a list's footer": "_______________________\nusers mailing list\nhttps://lists.shop.example/users\n",
}


@pytest.mark.parametrize("below", ANSWERS.values(), ids=ANSWERS.keys())
def test_the_new_words_stand_alone(below):
    reply, quoted = split_reply(f"It works now, thank you.\n\n{below}")

    assert reply == "It works now, thank you."
    assert quoted.split() == below.split()


KEPT_WHOLE = {  # mails in which nothing is old
    "a journey": "From: Paris\nTo: London\nDate: 3 May\n\nTwo seats please.",
    "somebody once wrote": "Yesterday I wrote:\nhello, and nobody answered.",
    "a forwarded mail": "From: Bob <bob@shop.example>\nSent: Monday\nTo: Ann\nSubject: Offer\n\nCheap printers",
    "a divider far above the end": "Point one\n---\n" + "\n".join(f"line {n}" for n in range(20)),
    "markers in a sentence": "It says -- and I quote -- that > is greater.",
}


@pytest.mark.parametrize("text", KEPT_WHOLE.values(), ids=KEPT_WHOLE.keys())
def test_what_only_looks_old_is_kept(text):
    assert split_reply(text) == (text, "")


def test_an_answer_below_the_quote_is_found():
    text = "On 3 Nov 2026, Support <help@shop.example> wrote:\n> Which model?\n\nThe X200."

    assert split_reply(text) == (
        "The X200.",
        "On 3 Nov 2026, Support <help@shop.example> wrote:\n> Which model?",
    )


def test_answers_between_quotes_keep_the_questions():
    asked = "Hi,\nOn 3 Nov 2026 Support <help@shop.example> wrote:\n> Which model?\n"
    text = f"{asked}The X200.\n> Since when?\nMonday, it broke."

    reply, quoted = split_reply(text)

    assert reply.endswith("> Which model?\nThe X200.\n> Since when?\nMonday, it broke.")
    assert quoted.startswith("On 3 Nov 2026")


def test_a_mail_that_only_repeats_has_no_new_words():
    assert split_reply("> one\n> two") == ("", "> one\n> two")


LINES = st.sampled_from(
    [*(line for below in ANSWERS.values() for line in below.split("\n")), "words", "", "  ", "--", "> quote", MARKER]
)


@given(st.one_of(st.text(), st.lists(LINES, max_size=30).map("\n".join)))
def test_nothing_is_lost_but_blanks(text):
    reply, quoted = split_reply(text)

    assert Counter("".join((reply + quoted).split())) == Counter("".join(text.split()))


HOSTILE = {
    "one long line": "On " + "x " * 50_000 + "wrote:",
    "many attributions": "hello\nOn 1.1.2026 a@b.example wrote:\n> x\n" * 20_000,
    "many rules": "---\nx\n" * 100_000,
    "many headers": "From: a@b.example\n" * 50_000,
    "many empty lines": "\n" * 500_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_takes_little_time(text):
    started = time.process_time()

    split_reply(text)

    assert time.process_time() - started < 2
