"""What does a demo recording sound like? Three seconds of a soft chord, a few kilobytes that every player plays."""

from __future__ import annotations

import math
import sys
import wave
from array import array
from io import BytesIO
from typing import Final

RATE: Final = 8000
SECONDS: Final = 3
# Whole hertz: a second of such a chord can be repeated without a click, so only one is computed.
ROOTS: Final = (131, 139, 147, 156, 165, 175, 185, 196, 208, 220, 233, 247, 262, 277, 294, 311, 330, 349)
FADE: Final = RATE // 4


def chord(number: int) -> bytes:
    """A WAV file, 8 kHz, 16 bit, mono: the major chord over root `number` (0-17), faded in and out."""
    root = ROOTS[number]
    low, middle, high = (2 * math.pi * hertz / RATE for hertz in (root, round(root * 5 / 4), round(root * 3 / 2)))
    sin = math.sin
    second = [int(2500 * (sin(low * at) + sin(middle * at) + sin(high * at))) for at in range(RATE)]
    samples = array("h", second) * SECONDS
    for at in range(FADE):
        samples[at] = samples[at] * at // FADE
        samples[-1 - at] = samples[-1 - at] * at // FADE
    if sys.byteorder == "big":
        samples.byteswap()
    file = BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    return file.getvalue()
