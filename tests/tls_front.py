"""How do tests put TLS before a server that speaks without? A door on loopback that wants a client's certificate.

In threads, because asyncio's own servers hang up without saying what they dislike of a client's certificate, and real
servers say it.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Thread

from tests.certificates import GOOD_HOST, Authority, Identity

PATIENCE = 10.0
"""Seconds for a handshake, and for whoever reads slowly."""
GLANCE = 0.1
"""Seconds until a door that is to be closed notices."""


@contextmanager
def tls_front(authority: Authority, identity: Identity, port: int) -> Iterator[int]:
    """The port of a door that shows this identity, lets in whom the authority signed, and leads to `port`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.cert, identity.key)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    closing = Event()
    with socket.create_server((GOOD_HOST, 0), backlog=64) as listener:
        accepting = Thread(target=_accept, args=(listener, context, port, closing))
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            closing.set()
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int, closing: Event) -> None:
    wires: list[Thread] = []
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:  # the door is closed
            break
        wires.append(Thread(target=_serve, args=(plain, context, port, closing)))
        wires[-1].start()
    for wire in wires:
        wire.join()


def _serve(plain: socket.socket, context: ssl.SSLContext, port: int, closing: Event) -> None:
    with ExitStack() as stack, suppress(OSError):
        stack.enter_context(plain)
        plain.settimeout(PATIENCE)
        door = stack.enter_context(context.wrap_socket(plain, server_side=True))
        behind = stack.enter_context(socket.create_connection((GOOD_HOST, port), timeout=PATIENCE))
        # One thread for both ways: two must not work on one TLS connection.
        while not closing.is_set():
            ready = [door] if door.pending() else select.select([door, behind], [], [], GLANCE)[0]
            for source, sink in ((door, behind), (behind, door)):
                if source in ready:
                    said = source.recv(65536)
                    if not said:
                        return
                    sink.sendall(said)
