"""The sound of somebody speaking, as far as a test needs one: a tone that goes up and down, as a short WAV."""

import io
import math
import wave

RATE = 8000  # samples a second, as on the telephone
WORDS_PER_SECOND = 3
MAX_SECONDS = 30


def voice(words: str) -> tuple[bytes, int]:
    """Return a WAV as long as it takes to say the words, and its length in whole seconds."""
    seconds = max(1, min(MAX_SECONDS, math.ceil(len(words.split()) / WORDS_PER_SECOND)))
    samples = bytes(_sample(n) for n in range(seconds * RATE))
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)  # 8-bit samples are unsigned
        sound.setframerate(RATE)
        sound.writeframes(samples)
    return file.getvalue(), seconds


def _sample(n: int) -> int:
    moment = n / RATE
    pitch = 180 + 40 * math.sin(2 * math.pi * 3 * moment)
    return 128 + round(60 * math.sin(2 * math.pi * pitch * moment))
