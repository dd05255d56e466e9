"""What happens to learners' keys when the secret of the process is replaced? They are wrapped anew, in the background.

The keys stay what they are, so nothing that they have closed is touched. When the job is done the old secret is of no
more use, and `STUDYGRAPH_SECRET_BEFORE` can go.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from datadir.errors import StoreMisconfigured
from datadir.names import StoreName
from datadir.scope import SYSTEM
from loaders.jobs import insert_job, is_waiting, wake

if TYPE_CHECKING:
    from datadir.stores import Stores
    from resolvers.jobs import RunningJob
    from resolvers.operation import Services

log = logging.getLogger(__name__)

REWRAP: Final = "keys.rewrap"


async def begin(stores: Stores) -> None:
    """At the start of the program: let keys under the old secret be wrapped anew, if there are any. StoreMisconfigured
    where there are keys of a secret that the program was not given: their texts could neither be read nor erased."""
    before, unknown = await stores.events.keys.under_other_secrets()
    if unknown:
        raise StoreMisconfigured(
            StoreName.POSTGRESQL,
            f"{unknown} keys of learners belong to another secret than STUDYGRAPH_SECRET: set it, or "
            "STUDYGRAPH_SECRET_BEFORE, to the one they were written under. Where that is lost, empty the table "
            "learner_keys: what they close is erased then.",
        )
    if not before or await is_waiting(stores, REWRAP):
        return
    async with stores.postgresql.transaction(SYSTEM) as tx:
        job_id = await insert_job(tx, REWRAP, {})
    await wake(stores, job_id)
    log.info("%d keys of learners are wrapped anew under the new secret", before)


async def rewrap(services: Services, job: RunningJob) -> dict[str, Any]:
    """The handler: a thousand keys at a time. Done twice it finds nothing."""
    keys = services.stores.events.keys
    before, _ = await keys.under_other_secrets()
    done = 0
    while changed := await keys.rewrap():
        done += changed
        await job.report(min(99, done * 100 // max(before, done)), f"{done} keys are wrapped anew")
    return {"keys": done}
