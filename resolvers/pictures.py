"""May these bytes be somebody's picture, and as which bytes is it kept? Read and written anew, off the event loop.

What a file is called and said to be counts for nothing: its bytes are read as PNG or JPEG, or not at all. Its size in
pixels stands at its beginning and is looked at before a pixel is unpacked: a kilobyte may unpack to gigabytes. What is
kept is the picture alone, a square of one size; where it was taken, with what, and everything else is left behind.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Final, NamedTuple

from resolvers.errors import OutOfTime

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE: Final = 512
"""Pixels of a kept picture's sides."""
MOST_PIXELS: Final = 16_000_000
"""Of a picture that is read: 64 MB unpacked."""
SECONDS: Final = 3.0
"""For one picture, waiting for those before it included."""
_FORMATS: Final = ("PNG", "JPEG")


class Picture(NamedTuple):
    """A picture as it is kept."""

    data: bytes
    suffix: str
    content_type: str


class NoPicture(Exception):
    """These bytes are no picture that is taken; a code of the domain and a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Pictures:
    """Reads and writes pictures, one after the other: each may take as much memory as MOST_PIXELS need."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        # Its thread begins with the first picture.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="pictures")

    async def square(self, data: bytes) -> Picture:
        """The middle of a picture as it is kept. Raises NoPicture; OutOfTime where it takes too long."""
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.get_running_loop().run_in_executor(self._pool, squared, data)
        except TimeoutError:
            raise OutOfTime from None

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def squared(data: bytes) -> Picture:
    """The same, at once. Raises NoPicture."""
    # Imported by whoever needs it first: a server starts without.
    from PIL import Image, ImageOps

    # Our own limit is lower than the one at which Pillow only warns.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as opened:
            _refuse_size(opened)
            if opened.format == "JPEG":
                # Unpacked to no more than is needed.
                opened.draft("RGB", (2 * SIDE, 2 * SIDE))
            upright = ImageOps.exif_transpose(opened)
            clear = upright.has_transparency_data
            square = ImageOps.fit(upright.convert("RGBA" if clear else "RGB"), (SIDE, SIDE))
    except (NoPicture, MemoryError):
        raise
    except Exception as error:
        # Decoders of broken bytes fail in every way there is.
        raise NoPicture("INVALID_IMAGE", "This is no PNG or JPEG, or a broken one.") from error
    # On a new picture: what an old one carries along would be written too.
    kept = Image.new(square.mode, square.size)
    kept.paste(square)
    written = BytesIO()
    if clear:
        kept.save(written, "PNG", optimize=True)
        return Picture(written.getvalue(), "png", "image/png")
    kept.save(written, "JPEG", quality=85, optimize=True)
    return Picture(written.getvalue(), "jpeg", "image/jpeg")


def _refuse_size(opened: Image) -> None:
    if opened.width * opened.height > MOST_PIXELS:
        raise NoPicture("OUT_OF_RANGE", f"A picture has at most {MOST_PIXELS:,} pixels.")
