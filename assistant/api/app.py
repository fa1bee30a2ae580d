"""One FastAPI application: the API for programs, health, metrics, pictures, and the page at the root."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from assistant.runtime import Runtime

if TYPE_CHECKING:
    from fastapi import FastAPI

LOCAL_NAMES = ["127.0.0.1", "localhost", "[::1]", "testserver"]
"""Names that a browser may call the server by; with any other, a strange page could read the chats by DNS rebinding."""


def create_app(runtime: Runtime) -> FastAPI:
    """The application over a runtime.

    Args:
        runtime: answers, and keeps what is shown.

    Returns:
        The application. ``app.state.let_go()`` stops the running turns and ends the connections that open pages hold;
        a server calls it before it waits for its connections to end.
    """
    import gradio as gr
    from fastapi import FastAPI
    from gradio.routes import App as GradioApp
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.routing import Mount, Route

    from assistant.accounts import Accounts
    from assistant.accounts.keys import Keys
    from assistant.accounts.single_sign_on import SingleSignOn
    from assistant.api import chat_downloads, downloads, health, language, metrics, pictures, v1
    from assistant.api.bodies import Bodies, body_limit
    from assistant.api.guard import SafeHeaders
    from assistant.api.login.gate import Gate
    from assistant.api.login.open_pages import OpenPages
    from assistant.api.login.routes import router as login_routes
    from assistant.api.login.sso_routes import router as sso_routes
    from assistant.api.mcp_door import PATH, McpDoor
    from assistant.api.problems import handle_problems
    from assistant.api.running import RunningRequests
    from assistant.api.server import reachable_from_elsewhere
    from assistant.ui import build_ui
    from assistant.ui.look import head, theme
    from assistant.ui.session import RunningTurns

    requests = RunningRequests()
    counted = metrics.Metrics(runtime, requests)
    mcp = McpDoor(runtime, requests, counted) if runtime.settings.mcp else None
    app = FastAPI(
        title="Glassbox",
        version=version("glassbox"),
        description="Chat with images under rules you can read, with answers you can take apart.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        lifespan=mcp.lifespan if mcp else None,
    )
    handle_problems(app)
    accounts, settings = Accounts(runtime.store), runtime.settings
    elsewhere, known_as = reachable_from_elsewhere(settings), urlsplit(settings.public_url).netloc
    app.add_middleware(Bodies, limit=body_limit(settings))
    app.add_middleware(
        Gate,
        accounts=accounts,
        keys=Keys(runtime.store),
        pages=OpenPages(),
        a_minute=settings.requests_a_minute,
        must_sign_in=elsewhere,
        known_as=known_as,
    )
    # A strange name is of no use where nobody comes in without signing in: cookies are kept by name.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["*"] if elsewhere else [*LOCAL_NAMES, settings.host])
    app.add_middleware(SafeHeaders)
    sign_on = SingleSignOn(settings, accounts) if settings.sso_issuer else None
    app.include_router(login_routes(accounts, known_as=known_as, sso=settings.sso_label if sign_on else ""))
    if sign_on is not None:
        app.include_router(sso_routes(accounts, sign_on, public_url=settings.public_url))
    app.include_router(health.router(runtime))
    app.include_router(metrics.router(counted))
    if mcp is not None:
        app.router.routes.append(Route(PATH, mcp))
    app.include_router(v1.router(runtime, requests, counted))
    app.include_router(pictures.router(runtime))
    app.include_router(chat_downloads.router(runtime))
    app.include_router(downloads.router(runtime))
    app.include_router(language.router())
    running = RunningTurns()
    gr.mount_gradio_app(
        app,
        build_ui(runtime, running),
        path="/",
        footer_links=[],
        run_history=False,
        max_file_size=runtime.settings.max_image_bytes,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        theme=theme(),
        head=head(),
    )

    def let_go() -> None:
        running.stop_all()
        requests.stop_all()
        for route in app.routes:
            if isinstance(route, Mount) and isinstance(route.app, GradioApp):
                route.app.stop_event.set()

    app.state.let_go = let_go
    return app
