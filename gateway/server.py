"""The composition root: every part of the gateway, made once, started in order and stopped in reverse."""

import fcntl
import logging
import os
import time
from pathlib import Path
from urllib.parse import urlsplit

from gateway import addresses, api_requests, bell, crypto, endpoints, merchants, migrations, settlement
from gateway.config import Config
from gateway.cvv import CvvMemory
from gateway.db import open_store
from gateway.jobs import tasks
from gateway.jobs.dispatch import Dispatcher
from gateway.jobs.queue import Jobs, Lane
from gateway.jobs.sender import Sender
from gateway.payments import Desk
from gateway.processors import Processor
from gateway.processors.simulator import Simulator
from gateway.web.auth import Authenticator

log = logging.getLogger("gateway.server")

PAYMENT_WORKERS = 2
DELIVERY_WORKERS = 1
SENDER_STOP_S = 1.0


class CannotStart(Exception):
    """One line for the operator: why the gateway does not start."""


class Instance:
    """A gateway's data as a command sees it: configuration, store and master key, but no jobs and no server."""

    def __init__(self, config: Config):
        self.config = config
        _make_data_dir(config.data_dir)
        try:
            self.master = crypto.load_master_key(config.security.master_key, config.data_dir / "master.key")
        except (OSError, ValueError) as error:
            raise CannotStart(str(error)) from None
        self.store = open_store(config.database_url)

    def open(self) -> list[str]:
        """Opens the database and brings its schema up to date; returns the names of the steps that were applied."""
        try:
            self.store.start()
            applied = self.store.write_now(migrations.migrate, self.store.kind)
            self.store.write_now(merchants.remember_master_key, self.master)
            return applied
        except migrations.SchemaTooNew as error:
            raise CannotStart(str(error)) from None
        except crypto.SealBroken as error:
            raise CannotStart(str(error)) from None
        except Exception as error:
            log.debug("cannot open the database", exc_info=True)
            reason, _, _ = str(error).strip().partition("\n")
            raise CannotStart(f"cannot open the database: {reason}") from error

    def close(self) -> None:
        self.store.close()

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, *_):
        self.close()


class Gateway(Instance):
    """Everything that runs: what handlers get as `request.app.ctx.gateway`."""

    def __init__(self, config: Config):
        super().__init__(config)
        self._lock = _only_one(config.data_dir)
        self.started_at = time.time()
        self.cvvs = CvvMemory()
        self.asked = api_requests.Log()
        self.fingerprint_key = self.master.derive("idempotency fingerprint")
        self.simulator = _simulator(config)
        self.processors: dict[str, Processor] = {self.simulator.name: self.simulator}
        self.desk = Desk(master=self.master, cvvs=self.cvvs, processor_of={"test": self.simulator.name})
        self.sender = Sender(allow_private=config.private_networks)
        self.dispatcher = Dispatcher(store=self.store, master=self.master, sender=self.sender, config=config)
        self.authenticator = Authenticator(
            store=self.store,
            master=self.master,
            limits=config.limits,
            trusted_proxies=config.server.trusted_proxies,
        )
        self.jobs = self._jobs()

    def _jobs(self) -> Jobs:
        teller = settlement.Teller(
            store=self.store,
            master=self.master,
            cvvs=self.cvvs,
            action_expires_s=self.config.payments.action_expires,
        )
        self.worker = worker = tasks.Worker(
            store=self.store, teller=teller, processors=self.processors, config=self.config
        )
        money = {
            bell.PAYMENTS: worker.payments,
            bell.REFUNDS: worker.refunds,
            tasks.HOUSEKEEPING: worker.housekeeping,
        }
        lanes = [
            Lane("payments", self.config.queue_url, PAYMENT_WORKERS, money),
            Lane("deliveries", self.config.queue_url, DELIVERY_WORKERS, {bell.DELIVERIES: self.dispatcher.work}),
        ]
        return Jobs(lanes, self._due, {tasks.HOUSEKEEPING: tasks.HOUSEKEEPING_EVERY_S})

    def _due(self) -> list[str]:
        return self.store.read_now(tasks.due)

    def open(self) -> list[str]:
        """The same, and refuses to show the world a merchant whose secrets are in the documentation. Safe to repeat."""
        applied = super().open()
        shown_to_others = not self.config.demo and _is_reachable(self.config.server)
        if shown_to_others and self.store.read_now(merchants.has_demo_secrets):
            raise CannotStart(f"{self.config.data_dir} has the known secrets of --demo; serve others from other data")
        return applied

    def start(self) -> None:
        """Opens the database, takes up what an earlier process left, and starts the work."""
        self.open()
        if self.store.is_alone():
            self.store.write_now(settlement.release_all)
        if self.config.demo:
            self._seed_demo()
        self.sender.start()
        bell.connect(self.jobs.ring)
        self.jobs.start()

    def stop(self) -> None:
        """Lets running work finish for a bounded time; what does not finish is due again after the next start."""
        self.worker.stop()
        self.jobs.stop()
        bell.connect(None)
        self.sender.stop(SENDER_STOP_S)
        self.close()
        self.simulator.close()
        os.close(self._lock)

    def _seed_demo(self) -> None:
        if self.store.read_now(merchants.find_or_none, merchants.DEMO_MERCHANT_ID):
            return
        password_hash = crypto.hash_password(merchants.DEMO_PASSWORD)
        self.store.write_now(merchants.seed_demo, self.master, password_hash)
        self.store.write_now(endpoints.seed_demo, self.master)

    def health(self) -> dict:
        """Whether database, queue and workers do their work; the reason in words where one does not."""
        return {
            "database": self.store.trouble or "healthy",
            "queue": self.jobs.trouble or ("healthy" if self.jobs.running else "stopped"),
            "worker": "running" if self.jobs.running else "stopped",
        }


def _is_reachable(settings) -> bool:
    """Whether anybody but this machine can ask, directly or through a proxy."""
    hosts = [settings.host] + [urlsplit(settings.public_url).hostname or ""] * bool(settings.public_url)
    return not all(map(addresses.is_loopback, hosts))


def _simulator(config: Config) -> Simulator:
    settings = config.simulator
    return Simulator(
        config.data_dir / "simulator.db",
        delay_min_s=settings.delay_min,
        delay_max_s=settings.delay_max,
        upi_success_rate=settings.upi_success_rate,
        card_success_rate=settings.card_success_rate,
        seed=settings.seed or None,
    )


def _make_data_dir(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"cannot use {path} for the data: {error.strerror}") from None


def _only_one(data_dir: Path):
    """The lock that a second server on the same data meets; it goes with the process, whatever ends it."""
    lock = os.open(data_dir / "gateway.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise CannotStart(f"another gateway is running on {data_dir}") from None
    return lock
