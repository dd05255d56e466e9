"""What becomes of a picture that somebody sends? It is written anew, shown by a signed link, and goes when another
comes; what is no picture, or would be too large, is refused before it is unpacked."""

from __future__ import annotations

import asyncio
import time
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from datadir.scope import SYSTEM
from resolvers.errors import OutOfTime
from resolvers.pictures import MOST_PIXELS, SIDE, NoPicture, Pictures, squared
from tests.accounts.picture_files import BLUE, RED, bomb, picture, uploaded
from tests.accounts.somebody import Coming, Somebody, rows
from tests.running_school import RunningSchool

WHO = "{ viewer { id avatarUrl } }"
UPDATE = (
    "mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { user { avatarUrl } errors { code } } }"
)
SECRET = "at home, 47.3 north"


async def kept(somebody: Somebody) -> list[str]:
    """The keys of all objects of somebody's pictures."""
    found = await somebody.school.services.stores.objects.list(f"avatars/{somebody.user_id}")
    return [each.key for each in found]


async def seen(school: RunningSchool, url: str) -> tuple[str, Image.Image]:
    """The picture behind a link, and its type."""
    response = await school.http.get(url[url.index("/objects/") :])
    assert response.status_code == 200
    return response.headers["content-type"], Image.open(BytesIO(response.content))


async def test_a_picture_is_written_anew_and_shown_by_a_signed_link(ada: Somebody) -> None:
    answer = await uploaded(ada, picture("JPEG", (300, 200), exif=_exif(), comment=SECRET.encode()))
    assert answer["errors"] == []
    [key] = await kept(ada)
    assert key.startswith(f"avatars/{ada.user_id}/")
    kind, image = await seen(ada.school, answer["user"]["avatarUrl"])
    assert (kind, image.format, image.size) == ("image/jpeg", "JPEG", (SIDE, SIDE))
    stored = (await ada.school.services.stores.objects.get(key)).data
    assert SECRET.encode() not in stored
    assert dict(image.getexif()) == {}
    assert "comment" not in image.info
    link = (await ada.done(WHO))["avatarUrl"]
    assert (await seen(ada.school, link))[1].size == (SIDE, SIDE)


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = SECRET
    return exif


async def test_the_link_opens_nothing_once_it_is_altered(ada: Somebody) -> None:
    url = (await uploaded(ada, picture()))["user"]["avatarUrl"]
    # Of the last character some bits say nothing.
    altered = url[:-9] + ("A" if url[-9] != "A" else "B") + url[-8:]
    assert (await ada.school.http.get(altered[altered.index("/objects/") :])).status_code == 403


async def test_another_picture_takes_the_place_of_the_one_before(ada: Somebody) -> None:
    await uploaded(ada, picture())
    [first] = await kept(ada)
    answer = await uploaded(ada, picture(color=BLUE))
    [second] = await kept(ada)
    assert first != second
    image = (await seen(ada.school, answer["user"]["avatarUrl"]))[1]
    color: Any = image.convert("RGB").getpixel((9, 9))
    assert color[2] > color[0]


@pytest.mark.parametrize("instead", [None, "https://pictures.school/ada.png"])
async def test_an_address_or_nothing_takes_its_place_too(ada: Somebody, instead: str | None) -> None:
    await uploaded(ada, picture())
    assert (await ada.done(UPDATE, {"avatarUrl": instead}))["user"] == {"avatarUrl": instead}
    assert await kept(ada) == []


async def test_another_name_leaves_the_picture_where_it_is(ada: Somebody) -> None:
    await uploaded(ada, picture())
    await ada.done(UPDATE, {"name": "Ada"})
    assert len(await kept(ada)) == 1


async def test_nobody_changes_the_picture_of_somebody_else(coming: Coming, ada: Somebody) -> None:
    bob = await coming()
    await uploaded(ada, picture())
    [before] = await kept(ada)
    await uploaded(bob, picture(color=BLUE))
    assert await kept(ada) == [before]
    assert await rows(ada.school, "select avatar_url from users where id = $1", ada.user_id) == [(before,)]


async def test_a_key_cannot_be_given_as_an_address(coming: Coming, ada: Somebody) -> None:
    await uploaded(ada, picture())
    [key] = await kept(ada)
    bob = await coming()
    assert await bob.problem(UPDATE.replace("code }", "code message path }"), {"avatarUrl": key}) == (
        "INVALID_URL",
        ["input", "avatarUrl"],
    )


NO_PICTURES = {
    "a text": (b"hello", "INVALID_IMAGE"),
    "nothing": (b"", "INVALID_IMAGE"),
    "a page": (b"<html><script>alert(1)</script></html>", "INVALID_IMAGE"),
    "a drawing that may hold scripts": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "INVALID_IMAGE"),
    "a GIF, whatever it is called": (picture("GIF"), "INVALID_IMAGE"),
    "a picture cut in half": (picture("JPEG", (300, 300), exif=_exif())[:600], "INVALID_IMAGE"),
    "a bomb": (bomb(), "OUT_OF_RANGE"),
    "a wide one": (picture(size=(MOST_PIXELS // 100 + 1, 100), mode="1", color=0), "OUT_OF_RANGE"),
}


@pytest.mark.parametrize("name", NO_PICTURES)
async def test_what_is_no_picture_is_a_problem_and_changes_nothing(ada: Somebody, name: str) -> None:
    data, code = NO_PICTURES[name]
    answer = await uploaded(ada, data)
    assert answer["user"] is None
    assert [(each["code"], each["path"]) for each in answer["errors"]] == [(code, ["input", "file"])]
    assert await kept(ada) == []
    assert (await ada.done(WHO))["avatarUrl"] is None


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    began = time.perf_counter()
    with pytest.raises(NoPicture):
        squared(bomb())
    assert time.perf_counter() - began < 0.5


def test_words_in_a_picture_are_left_behind() -> None:
    told = PngInfo()
    told.add_text("Comment", SECRET)
    told.add_text("Where", SECRET, zip=True)
    found = squared(picture(pnginfo=told, mode="RGBA", color=(*RED, 120)))
    assert (found.suffix, found.content_type) == ("png", "image/png")
    with Image.open(BytesIO(found.data)) as image:
        assert (image.mode, image.size, image.info) == ("RGBA", (SIDE, SIDE), {})


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_pictures_of_every_mode_are_read(mode: str) -> None:
    found = squared(picture("JPEG" if mode == "CMYK" else "PNG", mode=mode, color=0))
    with Image.open(BytesIO(found.data)) as image:
        assert image.size == (SIDE, SIDE)


def test_a_picture_that_lies_on_its_side_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    lying = Image.new("RGB", (100, 100), RED)
    lying.paste(BLUE, (0, 0, 50, 100))
    written = BytesIO()
    lying.save(written, "JPEG", exif=exif, quality=95)
    with Image.open(BytesIO(squared(written.getvalue()).data)) as image:
        top: Any = image.getpixel((SIDE // 2, 20))
        bottom: Any = image.getpixel((SIDE // 2, SIDE - 20))
    assert top[2] > 150 > bottom[2]


async def test_the_loop_goes_on_while_pictures_are_read() -> None:
    pictures, large = Pictures(seconds=60), picture(size=(3_000, 3_000))
    try:
        reading = asyncio.gather(*(pictures.square(large) for _ in range(2)))
        turns = 0
        while not reading.done():
            turns += 1
            await asyncio.sleep(0.001)
        assert [each.suffix for each in await reading] == ["jpeg"] * 2
    finally:
        pictures.close()
    assert turns > 5


async def test_a_picture_that_takes_too_long_is_given_up() -> None:
    pictures, large = Pictures(seconds=0.01), picture(size=(3_000, 3_000))
    try:
        with pytest.raises(OutOfTime):
            await pictures.square(large)
    finally:
        pictures.close()


async def test_an_account_that_is_gone_has_no_new_picture(ada: Somebody) -> None:
    async with ada.school.services.stores.postgresql.transaction(SYSTEM) as tx:
        await tx.execute("delete from user_sessions where user_id = $1", ada.user_id)
        await tx.execute("delete from users where id = $1", ada.user_id)
    answer = await uploaded(ada, picture())
    assert answer == {"user": None, "errors": []}
