"""What does somebody look like? As in the picture that they send; the one of before is gone then."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from datadir.errors import StoreUnavailable
from datadir.minio.prefixes import AVATARS
from loaders import account_changes
from resolvers.accounts.people import viewer
from resolvers.degrading import Degrades, degrades
from resolvers.errors import Repeated
from resolvers.operation import Operation, signed_in
from resolvers.pictures import NoPicture
from resolvers.problem import Problem, problem

if TYPE_CHECKING:
    from loaders.accounts import UserRecord


class AvatarUpload(NamedTuple):
    """The account as it is now."""

    user: UserRecord | None
    errors: tuple[Problem, ...] = ()


@degrades(Degrades.ERROR)
async def upload_avatar(operation: Operation, data: bytes) -> AvatarUpload:
    """Another picture of whoever asks, and of nobody else.

    The object comes first: an account never names one that is not there. Where the account then cannot be written, the
    new object stays, below the person's own prefix, and goes when all of theirs goes."""
    person, services = signed_in(operation), operation.services
    try:
        picture = await services.pictures.square(data)
    except NoPicture as error:
        return AvatarUpload(None, (problem(error.code, error.sentence, "file"),))
    key = AVATARS.key(user=person.user_id, avatar=uuid4(), suffix=picture.suffix)
    await operation.stores.objects.put(key, picture.data, picture.content_type)
    try:
        async with operation.writing(operation.scope) as tx:
            before = await account_changes.change_account(tx, person.user_id, {"avatar_url": key}, services.now())
    except Repeated:
        # The same picture came at the same time, and is shown as another object.
        await forget_picture(operation, key)
        raise
    await forget_picture(operation, before)
    return AvatarUpload(await viewer(operation))


async def forget_picture(operation: Operation, before: str | None) -> None:
    """Remove the object of a picture that no account shows any more; an address elsewhere is not ours to remove."""
    if before is not None and AVATARS.holds(before):
        # The account is written: that an object stays behind is no reason to say that nothing was done.
        with suppress(StoreUnavailable):
            await operation.stores.objects.delete(before)
