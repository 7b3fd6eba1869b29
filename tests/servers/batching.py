"""Many requests through batches, also as a program that can be killed.

python -m servers.batching URL FOLDER CALLS [POLL_S]
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from servers.asking import make_request

from ipm_prefdial.builders.models.batch.context import BatchContext, BatchLimits, known_dialect
from ipm_prefdial.builders.models.batch.job import Queue
from ipm_prefdial.builders.models.batch.ledger import Deferred, Ledger, QueueingClient
from ipm_prefdial.builders.models.batch.runner import BatchRunner
from ipm_prefdial.builders.models.budget import Budget, Meter, Price, Prices, spent_usd
from ipm_prefdial.builders.models.endpoint import Endpoint
from ipm_prefdial.builders.models.record import Records
from ipm_prefdial.schemas.inference import Outcome, Request, Role

FREE = Prices(models={})
KEY = "sk-very-secret-0123456789"
QUICK = BatchLimits(poll_s=0.01)


def ask_in_batches(
    url: str,
    folder: Path,
    requests: Sequence[Request],
    limits: BatchLimits = QUICK,
    *,
    prices: Prices = FREE,
    budget_usd: float | None = None,
    sleep: Callable[[float], None] = lambda seconds: None,
    cancel: bool = False,
) -> list[Outcome]:
    """Asks in waves until there is an outcome for every request, as a build does; with `cancel`, ends what runs.

    Returns:
        The outcomes in the order of the requests; none where it was cancelled.
    """
    queue = Queue(url, "mock", Role.RESPONDER)
    with Records(folder / "records.sqlite") as records, Ledger(folder / "batches.sqlite") as ledger:
        context = BatchContext(ledger, records, limits, lambda _: _endpoint(url), lambda _: Meter(), sleep=sleep)

        def budget() -> Budget:
            saved = sum(_saved(prices.find(one.model), one) for one in ledger.usage())
            return Budget(budget_usd, prices, spent_usd(records.spent(), prices) - saved)

        with context:
            runner = BatchRunner(context, budget)
            if cancel:
                runner.cancel()
                return []
            while True:
                price = prices.find("mock")
                in_batch = None if price is None else price.in_batch
                model = QueueingClient(
                    queue, records, ledger, known_dialect(ledger, queue, Meter()), limits.tries, in_batch
                )
                with ledger.wave():
                    outcomes = asyncio.run(_ask(model, requests))
                if not ledger.waiting() and not ledger.open_jobs():
                    return outcomes
                runner.run()


def _endpoint(url: str) -> Endpoint:
    from pydantic import SecretStr

    return Endpoint(name="mock", base_url=url, key=SecretStr(KEY))


def _saved(price: Price | None, usage: object) -> float:
    return 0.0 if price is None else price.of(usage) - price.in_batch.of(usage)  # type: ignore[arg-type]


async def _ask(model: QueueingClient, requests: Sequence[Request]) -> list[Outcome]:
    outcomes = []
    for request in requests:
        try:
            outcomes.append(await model.complete(request))
        except Deferred:
            continue
    return outcomes


if __name__ == "__main__":
    asked = [make_request(f"row {number}") for number in range(int(sys.argv[3]))]
    patience = BatchLimits(requests=10, poll_s=float(sys.argv[4]) if len(sys.argv) > 4 else 0.05)
    ask_in_batches(sys.argv[1], Path(sys.argv[2]), asked, patience)
