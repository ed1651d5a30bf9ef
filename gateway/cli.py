"""The commands: parse, call, print, and an exit code."""

import contextlib
import json
import sys
from functools import partial

import click

from gateway import __version__, accounts, addresses, config, crypto, events, lockouts, merchants, server, webhooks
from gateway.objects import Owner
from gateway.server import CannotStart, Instance
from gateway.terminal import Commands, ask_password, config_option, data_option, instance_of


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="gateway", message="%(prog)s %(version)s")
def main() -> None:
    """A payment gateway in one file: orders, payments, refunds, webhooks, checkout, dashboard."""


@main.command()
@config_option
@data_option
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on (default 8000).")
@click.option("--demo", is_flag=True, help="With a test merchant and no rate limits; on this machine only.")
def serve(config_file, data_dir, host, port, demo) -> None:
    """Run API, checkout, dashboard and jobs in one process."""
    from gateway.web.serving import run

    flags = {"server.host": host, "server.port": port}
    loaded = config.load(data_dir=data_dir, file=config_file, flags=flags, demo=demo)
    if demo and not addresses.is_loopback(loaded.server.host):
        raise CannotStart(f"--demo has known passwords and refuses to listen on {loaded.server.host}; use 127.0.0.1")
    run(server.Gateway(loaded))


@main.command()
@config_option
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(config_file, data_dir, as_json) -> None:
    """Prove the integrity of database, ledger, queue and configuration."""
    from gateway import check

    with instance_of(config_file, data_dir) as instance:
        findings = check.findings(instance)
    if as_json:
        click.echo(json.dumps({"findings": findings}))
    else:
        for finding in findings:
            click.echo(finding)
        if not findings:
            click.echo("No findings: database, ledger, histories, webhooks and queue are consistent.")
    sys.exit(1 if findings else 0)


@main.command()
@config_option
@data_option
def migrate(config_file, data_dir) -> None:
    """Bring the schema up to date (the server does it too when it starts)."""
    instance = Instance(config.load(data_dir=data_dir, file=config_file))
    try:
        applied = instance.open()
    finally:
        instance.close()
    for step in applied:
        click.echo(f"applied {step}")
    if not applied:
        click.echo("The schema is up to date.")


@main.command()
def openapi() -> None:
    """Print the OpenAPI 3.1 document."""
    from gateway.web.openapi import document

    click.echo(json.dumps(document(), indent=2, ensure_ascii=False))


@main.command()
@config_option
@data_option
@click.option("--port", type=click.IntRange(0, 65_535), default=3000, show_default=True, help="Port to listen on.")
@click.option("--secret", "given", multiple=True, help="Secret to check with (default: those of all endpoints).")
@click.option("--status", type=click.IntRange(200, 599), default=200, show_default=True, help="What to answer with.")
def listen(config_file, data_dir, port, given, status) -> None:
    """Print the webhooks that arrive on this machine, and whether their signatures are right."""
    from gateway import endpoints
    from gateway.listen import Listener

    with contextlib.ExitStack() as stack:
        secrets = partial(list, given)
        if not given:
            instance = stack.enter_context(instance_of(config_file, data_dir))
            secrets = partial(instance.store.read_now, endpoints.all_secrets, instance.master)
        listener = stack.enter_context(Listener(port, secrets=secrets, say=click.echo, status=status))
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        click.echo(f"Listening on {listener.url}. Set it as a webhook URL; Ctrl-C ends it.")
        listener.serve_forever()


@main.command(epilog=f"EVENT is one of: {', '.join(events.TYPES)}.")
@config_option
@data_option
@click.option("--merchant", help="Its id or e-mail address (default: the only one, or the demo's).")
@click.argument("event", type=click.Choice(events.TYPES), metavar="EVENT")
def trigger(config_file, data_dir, merchant, event) -> None:
    """Send a made-up event to the merchant's test endpoints, as if it had happened."""
    from gateway.jobs.trigger import trigger

    with instance_of(config_file, data_dir) as instance:
        owner = Owner(_merchant_id(instance, merchant), "test")
        told = trigger(instance.store, instance.master, instance.config, owner, event)
    if not told:
        raise CannotStart(f"no test endpoint of {owner.merchant_id} listens to {event}")
    for url, answer in told:
        outcome = answer.status or f"{answer.error} ({answer.detail})"
        click.echo(f"{event} to {url}: {outcome} after {answer.duration_ms} ms")
    sys.exit(0 if all(webhooks.is_success(each.answer.status) for each in told) else 1)


@main.group()
def merchant() -> None:
    """Merchants: add, list."""


@merchant.command("add")
@config_option
@data_option
@click.option("--name", required=True, help="The shop's name.")
@click.option("--email", required=True, help="The owner's e-mail address.")
@click.option("--password", help="The owner's password; otherwise asked for, or read from a pipe.")
@click.option("--live", is_flag=True, help="Make a live key too.")
def add_merchant(config_file, data_dir, name, email, password, live) -> None:
    """Add a merchant and print the first API key; its secret is shown only now."""
    password_hash = crypto.hash_password(merchants.check_password(ask_password("Password", password)))
    with instance_of(config_file, data_dir) as instance:

        def add(tx):
            merchant_id = merchants.add(tx, name=name, email=email, password_hash=password_hash)
            modes = ("test", "live") if live else ("test",)
            return merchant_id, [merchants.create_key(tx, instance.master, merchant_id, mode) for mode in modes]

        merchant_id, keys = instance.store.write_now(add)
    click.echo(f"merchant {merchant_id}")
    for key_id, secret in keys:
        click.echo(f"key      {key_id}\nsecret   {secret}")


@merchant.command("list")
@config_option
@data_option
def list_merchants(config_file, data_dir) -> None:
    """List the merchants."""
    with instance_of(config_file, data_dir) as instance:
        for row in instance.store.read_now(merchants.list_merchants):
            click.echo(f"{row['id']}  {row['created_at']}  {row['email']}  {row['name']}")


@main.group()
def keys() -> None:
    """API keys: create, list, revoke."""


@keys.command("create")
@config_option
@data_option
@click.option("--merchant", "merchant_id", required=True, help="The merchant's id or e-mail address.")
@click.option("--mode", type=click.Choice(["test", "live"]), default="test", show_default=True, help="Which world.")
@click.option("--name", default="", help="What the key is for.")
@click.option("--scope", type=click.Choice(merchants.SCOPES), default="full", show_default=True, help="What it may do.")
def create_key(config_file, data_dir, merchant_id, mode, name, scope) -> None:
    """Create an API key and print it with its secret."""
    with instance_of(config_file, data_dir) as instance:
        chosen = (_merchant_id(instance, merchant_id), mode, name, scope)
        key_id, secret = instance.store.write_now(merchants.create_key, instance.master, *chosen)
    click.echo(f"key      {key_id}\nsecret   {secret}")


@keys.command("list")
@config_option
@data_option
@click.option("--merchant", "merchant_id", help="Only this merchant's (id or e-mail address).")
def list_keys(config_file, data_dir, merchant_id) -> None:
    """List API keys, without their secrets."""
    with instance_of(config_file, data_dir) as instance:
        merchant_id = merchant_id and _merchant_id(instance, merchant_id)
        for row in instance.store.read_now(merchants.list_keys, merchant_id):
            state = f"revoked {row['revoked_at']}" if row["revoked_at"] else f"used {row['last_used_at'] or 'never'}"
            click.echo(f"{row['id']}  {row['mode']}  {row['merchant_id']}  {state}  {row['name']}".rstrip())


@keys.command("revoke")
@config_option
@data_option
@click.argument("key_id")
def revoke_key(config_file, data_dir, key_id) -> None:
    """Make an API key worthless."""
    with instance_of(config_file, data_dir) as instance:
        instance.store.write_now(merchants.revoke_key, key_id)
    click.echo(f"{key_id} is revoked.")


@main.group()
def user() -> None:
    """People who use the dashboard: list, reset-password, disable-2fa."""


@user.command("list")
@config_option
@data_option
def list_users(config_file, data_dir) -> None:
    """List everybody with their role and merchant."""
    with instance_of(config_file, data_dir) as instance:
        for person in instance.store.write_now(accounts.list_all):
            factor = "2fa" if person.two_factor else "-"
            click.echo(f"{person.email}  {person.role}  {factor}  {person.merchant_id}  {person.merchant_name}")


@user.command("reset-password")
@config_option
@data_option
@click.option("--password", help="The new password; otherwise asked for, or read from a pipe.")
@click.argument("email")
def reset_password(config_file, data_dir, password, email) -> None:
    """Give a user a new password and end all their sessions."""
    password_hash = crypto.hash_password(merchants.check_password(ask_password("New password", password)))
    with instance_of(config_file, data_dir) as instance:
        instance.store.write_now(lockouts.reset_password, email, password_hash)
    click.echo(f"{email} has a new password; all sessions have ended")


@user.command("disable-2fa")
@config_option
@data_option
@click.argument("email")
def disable_two_factor(config_file, data_dir, email) -> None:
    """Let a user in without the second factor again."""
    with instance_of(config_file, data_dir) as instance:
        instance.store.write_now(lockouts.disable_two_factor, email)
    click.echo(f"{email} logs in with the password alone")


def _merchant_id(instance: Instance, given: str | None) -> str:
    """Whom an id or an e-mail address names; without either the one that is usually meant."""
    if given and "@" not in given:
        return instance.store.read_now(merchants.find, given).id
    merchant = instance.store.read_now(*(merchants.find_by_email, given) if given else (merchants.usual,))
    if not merchant:
        missing = f"there is no merchant with the e-mail address {given}"
        raise CannotStart(missing if given else "there is no merchant, or more than one; name one with --merchant")
    return merchant.id
