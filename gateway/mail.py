"""Messages by e-mail, where the operator has set up a mail server; without one everything else works."""

import smtplib
import ssl
from email.message import EmailMessage

from gateway.errors import BadRequest

TIMEOUT_S = 10
TLS_PORT = 465


def is_set_up(config) -> bool:
    return bool(config.mail.host and config.mail.sender)


def send(config, to: str, subject: str, text: str) -> None:
    """Hands a message to the mail server; raises BadRequest with its words where it does not take it. It waits."""
    if not is_set_up(config):
        raise BadRequest("No mail server is set up. The operator sets mail.host and mail.sender in config.toml.")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = config.mail.sender, to, subject
    message.set_content(text)
    try:
        with _connect(config.mail) as server:
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise BadRequest(f"The mail server did not take the message: {error}"[:300]) from error


def _connect(settings) -> smtplib.SMTP:
    """TLS from the start on port 465; elsewhere TLS as soon as there is a password to protect."""
    if settings.port == TLS_PORT:
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.host, settings.port, timeout=TIMEOUT_S, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_S)
        if settings.user:
            server.starttls(context=ssl.create_default_context())
    if settings.user:
        server.login(settings.user, settings.password)
    return server
