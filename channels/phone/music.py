"""The music on hold of a desk that has none of its own: a few quiet chords, made by ourselves so that it is free."""

import io
import math
import wave
from array import array
from functools import cache

RATE = 8000  # samples a second: what a telephone line carries
CHORD_SECONDS = 2
# A, F, C and G, each from low to high, twice: sixteen seconds.
CHORDS = (
    *((220.0, 277.18, 329.63, 440.0), (174.61, 220.0, 261.63, 349.23)),
    *((196.0, 261.63, 329.63, 392.0), (196.0, 246.94, 293.66, 392.0)),
)
LOUDNESS = 5000  # of 32767: speech is louder
FADE = math.exp(-1 / (0.6 * RATE))  # from one sample to the next
SECONDS = 2 * CHORD_SECONDS * len(CHORDS)


@cache
def hold_music() -> bytes:
    """Return the music as WAV."""
    once = array("h", (sample for chord in CHORDS for sample in _chord(chord)))
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes((once + once).tobytes())
    return file.getvalue()


def _chord(notes: tuple[float, ...]) -> list[int]:
    """Return a chord whose notes are plucked one after the other and fade.

    A note that fades follows from its two samples before, which takes a tenth of the time that sines would.
    """
    length, apart = RATE * CHORD_SECONDS, RATE * CHORD_SECONDS // (2 * len(notes))
    samples = [0.0] * length
    for number, note in enumerate(notes):
        turn = 2 * math.pi * note / RATE
        one, two = 2 * FADE * math.cos(turn), FADE * FADE
        before, last = 0.0, math.sin(turn)
        for place in range(number * apart, length):
            samples[place] += before
            before, last = last, one * last - two * before
    louder = LOUDNESS / len(notes)
    return [round(sample * louder * min(1.0, (length - place) / 400)) for place, sample in enumerate(samples)]
