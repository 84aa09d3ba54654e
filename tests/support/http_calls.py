"""Attempts of commands that are requests, without a worker around them."""

import datetime
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from errandry.commands.definition import parse
from errandry.execution.capture import Capture
from errandry.execution.executors.http import HttpExecutor
from errandry.execution.executors.port import Context
from errandry.execution.redact import Redaction
from errandry.tasks.retry import Ending
from support.web import Web

TASK = "tsk_" + "0" * 32
VALUE = "s3cret-of-the-test"


class Call:
    """One attempt of a command that is a request."""

    def __init__(
        self,
        url: str,
        arguments: dict[str, Any] | None = None,
        result: dict[str, Any] | None = None,
        **http: Any,
    ) -> None:
        definition = {
            "name": "call",
            "description": "Calls.",
            "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
            "run": {"http": {"method": "GET", "url": url, **http}},
            "secrets": ["TOKEN"],
            **({"result": result} if result else {}),
        }
        redaction = Redaction([VALUE])
        self.capture = Capture(1_000_000, lambda _: None, redaction)
        self.started = anyio.Event()
        self.context = Context(
            task_id=TASK,
            attempt=1,
            command=parse(definition),
            arguments=arguments or {},
            folder=Path("/nowhere"),
            lease_until=anyio.current_time() + 600,
            grace_s=1,
            capture=self.capture,
            on_progress=lambda _: None,
            on_start=self.started.set,
            secrets={"TOKEN": VALUE},
            redaction=redaction,
        )

    @property
    def log(self) -> str:
        """What it has logged on stdout."""
        self.capture.close()
        return b"".join(
            chunk.data for chunk in self.capture.take().chunks if chunk.stream == "stdout"
        ).decode()


async def call(web: Web, path: str = "/x", **more: Any) -> tuple[Ending, Call]:
    """Carry out one request to a path of the server."""
    made = Call(f"http://127.0.0.1:{web.port}{path}", allow=[f"127.0.0.1:{web.port}"], **more)
    with anyio.fail_after(30):
        return await HttpExecutor().run(made.context), made


def code(ending: Ending) -> str:
    """Return the code of the error that there has to be."""
    assert ending.error is not None
    return ending.error.code


def resolver(*answers: list[str]) -> Callable[[str, int], Awaitable[list[str]]]:
    """Look-ups that give these answers one after the other."""
    left = list(answers)

    async def look_up(host: str, port: int) -> list[str]:
        return left.pop(0)

    return look_up


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate for a name; return the server's side, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "pem").write_bytes(pem + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "pem")
    return server, ssl.create_default_context(cadata=pem.decode())
