"""Which collections, validators and indexes does a MongoDB lack? A start makes them, `migrate --check` names them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from datadir.errors import StoreError, StoreMisconfigured
from datadir.mongodb.collections import COLLECTIONS, Collection, Index
from datadir.names import StoreName
from datadir.step import Step

if TYPE_CHECKING:
    from datadir.migrations.pending import Place
    from datadir.mongodb.client import Documents

_EXISTS: Final = 48


async def pending(place: Place) -> list[str]:
    """What the server lacks of COLLECTIONS: "collection transcripts", "index expiry of activity_logs"."""
    from datadir.mongodb.client import Documents

    url = place.started.get(StoreName.MONGODB) or place.addresses.mongodb_url or ""
    documents = await Documents.open(url, min_connections=1, tls=place.addresses.tls_of(StoreName.MONGODB))
    try:
        return [step.what for step in await steps(documents)]
    finally:
        await documents.close()


async def steps(documents: Documents, collections: Iterable[Collection] = COLLECTIONS) -> list[Step]:
    """What brings the server to what the collections say, in this order; one request to look, and one for each
    collection that is there.

    StoreMisconfigured when an index of the same name is another one: such a change is a migration."""
    wanted = list(collections)
    names = {"name": {"$in": [collection.name for collection in wanted]}}
    listing = await documents.command("listCollections", filter=names, cursor={"batchSize": len(wanted)})
    there = {found["name"]: found["options"].get("validator") for found in listing["cursor"]["firstBatch"]}
    listings = await asyncio.gather(
        *(documents.command("listIndexes", each.name, cursor={}) for each in wanted if each.name in there)
    )
    indexes = dict(zip([each.name for each in wanted if each.name in there], listings, strict=True))
    found: list[Step] = []
    for collection in wanted:
        if collection.name in there:
            found += _validator(documents, collection, there[collection.name])
            found += _indexes(documents, collection, indexes[collection.name]["cursor"]["firstBatch"])
        else:
            found.append(Step(f"collection {collection.name}", partial(_create, documents, collection)))
    return found


def validator(collection: Collection) -> dict[str, Any]:
    """The collection's shape as the server takes it."""
    return {"$jsonSchema": dict(collection.schema)}


def index_document(index: Index) -> dict[str, Any]:
    """The index as `createIndexes` takes it."""
    document: dict[str, Any] = {"key": dict(index.keys), "name": index.name}
    if index.unique:
        document["unique"] = True
    if index.expire_after is not None:
        document["expireAfterSeconds"] = index.expire_after
    return document


async def _create(documents: Documents, collection: Collection) -> None:
    """Make a collection and its indexes."""
    try:
        await documents.command("create", collection.name, validator=validator(collection))
    except StoreError as failure:
        # Another process was faster, and creates the same.
        if getattr(failure.__cause__, "code", None) != _EXISTS:
            raise
    if collection.indexes:
        indexes = [index_document(index) for index in collection.indexes]
        await documents.command("createIndexes", collection.name, indexes=indexes)


def _validator(documents: Documents, collection: Collection, there: Mapping[str, Any] | None) -> list[Step]:
    shape = validator(collection)
    if there == shape:
        return []
    change = partial(documents.command, "collMod", collection.name, validator=shape)
    return [Step(f"validator of {collection.name}", change)]


def _indexes(documents: Documents, collection: Collection, listed: list[dict[str, Any]]) -> list[Step]:
    there = {found["name"]: found for found in listed}
    steps: list[Step] = []
    for index in collection.indexes:
        which, found = f"index {index.name} of {collection.name}", there.get(index.name)
        if found is None:
            make = partial(documents.command, "createIndexes", collection.name, indexes=[index_document(index)])
            steps.append(Step(which, make))
        elif (
            tuple(found["key"].items()) != index.keys
            or found.get("unique", False) != index.unique
            or ("expireAfterSeconds" in found and index.expire_after is None)
        ):
            raise StoreMisconfigured(
                StoreName.MONGODB, f"MongoDB has another index {index.name!r} on {collection.name!r}: drop it"
            )
        elif found.get("expireAfterSeconds") != index.expire_after:
            expiry = {"name": index.name, "expireAfterSeconds": index.expire_after}
            steps.append(
                Step(f"expiry of {which}", partial(documents.command, "collMod", collection.name, index=expiry))
            )
    return steps
