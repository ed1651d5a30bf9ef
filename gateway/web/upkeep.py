"""What the dashboard's tables need while the server runs: the log is written, events are added up, old rows go."""

import asyncio
import logging

from gateway import api_requests, mail, notices, totals
from gateway.errors import GatewayError

log = logging.getLogger("gateway.upkeep")

EVERY_S = 1.0
PRUNE_EVERY = 60  # rounds
LOG_UNITS_MAX = 20  # of a round; so many hold more than a second's requests
LETTERS_MAX = 20  # at once
WAITING_MAX = 500  # units of work before the writer: when it is as busy as that, upkeep waits


def install(app, gateway) -> None:
    """Keeps things up from the server's start to its stop."""

    async def start(app) -> None:
        app.ctx.upkeep = asyncio.get_running_loop().create_task(_keep_up(gateway))

    async def stop(app) -> None:
        app.ctx.upkeep.cancel()
        await asyncio.gather(app.ctx.upkeep, return_exceptions=True)
        await write_log(gateway)

    app.after_server_start(start)
    app.before_server_stop(stop)


async def _keep_up(gateway) -> None:
    rounds = 0
    while True:
        await asyncio.sleep(EVERY_S)
        rounds += 1
        try:
            if gateway.store.waiting < WAITING_MAX:
                await _once(gateway, prune=rounds % PRUNE_EVERY == 0)
        except GatewayError as error:
            log.warning("upkeep waits: %s", error)
        except Exception:
            log.exception("upkeep failed")


async def _once(gateway, *, prune: bool) -> None:
    await write_log(gateway)
    await fold(gateway, batches_max=20)
    while prune and await gateway.store.write(api_requests.prune) == api_requests.PRUNED_AT_ONCE:
        continue


async def write_log(gateway) -> None:
    """Writes what was asked since the last time; not what comes in meanwhile for ever, or a stop would never end."""
    for _ in range(LOG_UNITS_MAX):
        if not (taken := gateway.asked.take()):
            return
        await gateway.store.write(api_requests.write, taken)


async def fold(gateway, batches_max: int) -> bool:
    """Brings the totals up to date; False where there was more than `batches_max` allows."""
    for _ in range(batches_max):
        batch = await gateway.store.read(totals.ahead)
        if batch is None:
            return True
        # Whoever adds a batch tells of it: several nodes send one letter.
        if await gateway.store.write(totals.add, batch) and batch.notices and mail.is_set_up(gateway.config):
            await _tell(gateway, batch.notices)
        if not batch.more:
            return True
    return False


async def _tell(gateway, told: list[notices.Notice]) -> None:
    """Sends the letters; a mail server that does not take one is logged, and the figures go on."""
    letters = await gateway.store.read(notices.letters, told, gateway.config.public_url)
    for letter in letters[:LETTERS_MAX]:
        try:
            await asyncio.get_running_loop().run_in_executor(None, mail.send, gateway.config, *letter)
        except GatewayError as error:
            log.warning("a notice was not sent: %s", error)
