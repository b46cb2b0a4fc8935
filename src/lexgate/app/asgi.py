"""The server of the review pages: loopback only, one content security policy on every answer.

Even if a page showed hostile text wrongly, the browser would refuse to fetch anything from another
host or to run a script that is not Streamlit's own file. Invariant (tested): the options below are
the effective ones, whatever a person's own Streamlit configuration says.
"""

from __future__ import annotations

import os
import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from streamlit.starlette import App

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["FOLDER", "HOSTS", "SecurityHeaders", "application", "options"]

FOLDER = "LEXGATE_REVIEW_RUNS"  # environment variable that tells the pages where the runs are
HOSTS = ("127.0.0.1", "localhost")
_DIRECTIVES = (
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",  # Streamlit writes its style sheets at run time
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self' ws://{host} wss://{host}",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "frame-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
_POLICY = "; ".join(_DIRECTIVES)


class SecurityHeaders:
    """Adds the policy to every HTTP answer, errors and static files too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Already one of HOSTS: the middleware before this one refuses all others.
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        added = [
            (b"content-security-policy", _POLICY.format(host=host).encode()),
            (b"referrer-policy", b"no-referrer"),
            (b"x-content-type-options", b"nosniff"),
        ]

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await self.app(scope, receive, send_with_policy)


def application(
    runs: Path, started: Callable[[App], AbstractAsyncContextManager[None]] | None = None
) -> App:
    """Make the ASGI application over a folder of runs; `started` is entered once it listens."""
    os.environ[FOLDER] = str(runs.resolve())
    return App(
        Path(__file__).with_name("script.py"),
        lifespan=started,
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS)),
            Middleware(SecurityHeaders),
        ],
    )


def options(port: int) -> dict[str, Any]:
    """The server's whole configuration; 0 takes any free port."""
    fixed = {
        "server.address": HOSTS[0],
        "server.port": port,
        "server.allowedHosts": list(HOSTS),
        "server.baseUrlPath": "",
        "server.headless": True,  # `serve` opens the browser itself
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.enableAgentApi": False,
        "server.enableStaticServing": False,
        "server.enableCORS": True,  # in Streamlit's words: other origins are refused
        "server.enableXsrfProtection": True,
        "server.maxUploadSize": 1,  # MB; no page takes a file
        "browser.gatherUsageStats": False,
        "client.allowedOrigins": [],
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "logger.hideWelcomeMessage": True,
        "logger.level": "error",
        "runner.magicEnabled": False,
    }
    return fixed | _theme()


def _theme() -> dict[str, Any]:
    text = resources.files("lexgate.app").joinpath("theme.toml").read_text("utf-8")

    def flat(section: dict[str, Any], path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in section.items():
            name = f"{path}.{key}"
            found |= flat(value, name) if isinstance(value, dict) else {name: value}
        return found

    return flat(tomllib.loads(text)["theme"], "theme")
