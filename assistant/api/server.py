"""`serve`: the program that people start."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import socket
import sys
import threading
import urllib.request
import webbrowser
from collections.abc import Callable

from assistant.errors import PortInUse, ServerError, SettingsError
from assistant.runtime import Runtime
from assistant.settings import Settings
from assistant.store import Store

log = logging.getLogger("glassbox.server")

UNENCRYPTED = (
    "Other computers can reach it, and what travels is not encrypted, passwords included: put a proxy with TLS in "
    "front and name its address with GLASSBOX_PUBLIC_URL."
)

GRACE_SECONDS = 3
"""How long open connections may go on after Ctrl-C."""


def serve(settings: Settings, *, open_browser: bool, before: Callable[[Runtime], None] = lambda _: None) -> int:
    """Show the page until somebody presses Ctrl-C.

    One line with the address goes to standard error when the page answers. The model is loaded behind the page.

    Args:
        settings: host, port and everything else.
        open_browser: open the page in the person's browser.
        before: called with the runtime before the page is there: to fetch what its model lacks.

    Returns:
        0 after Ctrl-C.

    Raises:
        SettingsError: other computers could reach it, and there are no accounts.
        PortInUse: another program listens on the port.
        StoreError: the database cannot be opened.
        UnknownModel: there are models, and none of that name.
    """
    check_reachable(settings)
    listener = listen(settings.host, settings.port)  # before anything slow: the port is ours from here on
    try:
        return _serve(settings, listener, open_browser=open_browser, before=before)
    finally:
        listener.close()


def _serve(
    settings: Settings, listener: socket.socket, *, open_browser: bool, before: Callable[[Runtime], None]
) -> int:
    import uvicorn

    from assistant.api.app import create_app

    class Server(uvicorn.Server):
        """Open pages hold a connection for good: they are let go before the server waits for its connections."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.let_go()
            await super().shutdown(sockets)

    runtime = Runtime(settings)
    try:
        if runtime.backends:  # with none at all the page still opens, and says what is broken
            runtime.generator()
            before(runtime)
        app = create_app(runtime)
        server = Server(
            uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_SECONDS)
        )
        address = address_of(listener)
        threading.Thread(
            target=_announce, args=(server, address, runtime, open_browser), name="glassbox-announce", daemon=True
        ).start()
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
        if not server.started:
            raise ServerError("The web server did not start; the lines above say why.")
        print("Glassbox has stopped.", file=sys.stderr)
        return 0
    finally:
        runtime.close()


def _announce(server: object, address: str, runtime: Runtime, open_browser: bool) -> None:
    """Wait until the page answers, say so, and load the model behind it."""
    try:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy to ourselves
        page = urllib.request.Request(address, headers={"Accept": "text/html"})
        with direct.open(page, timeout=120) as answer:
            answer.read()
    except OSError as error:
        log.error("The page does not answer at %s: %s", address, error)
        return
    print(f"Glassbox is at {address} (Ctrl-C stops it).", file=sys.stderr, flush=True)
    others = address_for_others(runtime.settings, address)
    if others:
        print(f"Other computers open {others}", file=sys.stderr, flush=True)
    if reachable_from_elsewhere(runtime.settings) and not runtime.settings.public_url:
        print(UNENCRYPTED, file=sys.stderr, flush=True)
    if open_browser:
        webbrowser.open(address)
    runtime.warm_up()


def address_for_others(settings: Settings, address: str) -> str:
    """What is typed on other computers; empty where they cannot reach the page, or where that is ``address`` itself.

    Args:
        settings: where the page listens, and the address of a proxy.
        address: as it is typed on this computer.
    """
    if settings.public_url:
        return settings.public_url
    if settings.host not in ("", "0.0.0.0", "::"):
        return ""  # it listens on one address alone, which is the one that is printed
    own = own_address(socket.AF_INET6 if settings.host == "::" else socket.AF_INET)
    if not own:
        return ""
    host = f"[{own}]" if ":" in own else own
    return f"http://{host}:{address.rpartition(':')[2]}"


def own_address(family: socket.AddressFamily) -> str:
    """The address by which this computer is known in its network; empty where it is in none."""
    elsewhere = "2001:db8::1" if family == socket.AF_INET6 else "192.0.2.1"  # for documentation: nobody has it
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))  # chooses a way there; nothing is sent
            found = str(probe.getsockname()[0])
    except OSError:
        return ""
    return "" if ipaddress.ip_address(found).is_loopback else found


def check_reachable(settings: Settings) -> None:
    """Let other computers in only where everybody has to sign in.

    Raises:
        SettingsError: they could reach it, and there are no accounts.
        StoreError: the accounts cannot be read.
    """
    if not reachable_from_elsewhere(settings):
        return
    store = Store(settings.database)
    try:
        if store.people.any():
            return
    finally:
        store.close()
    raise SettingsError(
        f"Other computers could reach {settings.public_url or repr(settings.host)}, and there are no accounts: whoever "
        "reaches the page could read every chat.",
        hint="First make an account, which will be an operator's: assistant accounts add NAME. Or leave --host out.",
    )


def reachable_from_elsewhere(settings: Settings) -> bool:
    """Whether other computers can reach the page: at the address that it listens on, or through a proxy."""
    if settings.public_url:
        return True
    try:
        return settings.host != "localhost" and not ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        return True


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on the port; 0 takes a free one.

    Raises:
        PortInUse: another program listens there.
        ServerError: the system does not allow it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":  # there it would let two programs share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            other = port + 1 if port < 65535 else port - 1
            raise PortInUse(
                f"Port {port} is taken by another program, perhaps by a Glassbox that is already running.",
                hint=f"Open http://{host}:{port}, or type: assistant serve --port {other}",
            ) from error
        raise ServerError(
            f"The server cannot listen on {host}:{port}: {error.strerror or error}.",
            hint="Choose another port, as in: assistant serve --port 7861",
        ) from error
    return listener


def address_of(listener: socket.socket) -> str:
    """The address to type into a browser on this computer."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
