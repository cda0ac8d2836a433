"""`batch`, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from .async_twin import async_twin
from .batch import Batch, accept, count_workers, unfinished_sessions
from .runtime import MemoryRuntime
from .stores.records import Filed, Progress

aaccept, aunfinished_sessions = async_twin(accept), async_twin(unfinished_sessions)


async def afile_all(
    runtime: MemoryRuntime, entries: Sequence[int], concurrency: int = 8, progress: Progress | None = None
) -> list[Filed]:
    """`file_all`, awaited; when it is cancelled, sessions that are not filed stay in the journal."""
    workers = count_workers(runtime, concurrency)
    batch = Batch(len(entries), progress)
    gate = asyncio.Semaphore(workers)

    async def one(at: int) -> None:
        async with gate:
            if not batch.stopped:
                await asyncio.to_thread(batch.renew_leases, runtime, entries)
                with batch.collect_errors(at):
                    batch.add(at, await runtime.memorizer.ainvoke({"journal": entries[at]}))

    tasks = [asyncio.ensure_future(one(at)) for at in range(len(entries))]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        batch.stopped = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    return batch.results()
