"""`serve`: the review pages on this machine, until Ctrl-C."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
import threading
import webbrowser
from typing import TYPE_CHECKING

from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from streamlit.starlette import App

__all__ = ["serve"]


def serve(runs: Path, port: int, browser: bool) -> None:
    """Serve the review pages over a folder of runs; returns after Ctrl-C.

    Args:
        runs: the folder; it may be empty or not there yet, then the first page says what to run.
        port: of 127.0.0.1; 0 takes any free one.
        browser: open the first page in the person's browser.

    Raises:
        UsageError: Streamlit is not installed, or the port cannot be taken.
    """
    try:
        from streamlit import config

        from lexgate.app.asgi import HOSTS, application, options
    except ModuleNotFoundError as error:
        message = f"the review pages need {error.name}\n    hint: pip install 'lexgate[app]'"
        raise UsageError(message) from error
    _check_free(HOSTS[0], port)

    @contextlib.asynccontextmanager
    async def started(_app: App) -> AsyncIterator[None]:
        # The socket listens since before this runs, so a browser that comes now only waits.
        url = f"http://{HOSTS[0]}:{config.get_option('server.port')}"
        sys.stdout.write(f"reviewing {runs} at {url}\npress Ctrl-C to stop\n")
        sys.stdout.flush()
        if browser:
            # Some browsers run in the terminal and return only when they are closed.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        yield

    try:
        application(runs, started).run(config=options(port))
    except KeyboardInterrupt:
        return
    except SystemExit as error:  # Streamlit's way to say that it could not take the port
        message = (
            f"the review pages could not start on port {port}\n    hint: name another, --port N"
        )
        raise UsageError(message) from error


def _check_free(address: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                why = "is taken, perhaps by another `lexgate review`"
            else:
                why = f"cannot be used: {error.strerror}"
            message = f"port {port} of {address} {why}\n    hint: lexgate review --port {port + 1}"
            raise UsageError(message) from error
