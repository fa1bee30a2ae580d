"""One FastAPI application: the API for programs, health, metrics, pictures, and the page at the root."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

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
    from starlette.routing import Mount

    from assistant.api import health, metrics, pictures, v1
    from assistant.api.bodies import Bodies, body_limit
    from assistant.api.guard import SafeHeaders
    from assistant.api.problems import handle_problems
    from assistant.api.running import RunningRequests
    from assistant.ui import build_ui
    from assistant.ui.look import head, theme
    from assistant.ui.session import RunningTurns

    app = FastAPI(
        title="Glassbox",
        version=version("glassbox"),
        description="Chat with images under rules you can read, with answers you can take apart.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    handle_problems(app)
    app.add_middleware(Bodies, limit=body_limit(runtime.settings))
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOCAL_NAMES, runtime.settings.host])
    app.add_middleware(SafeHeaders)
    requests = RunningRequests()
    counted = metrics.Metrics(runtime, requests)
    app.include_router(health.router(runtime))
    app.include_router(metrics.router(counted))
    app.include_router(v1.router(runtime, requests, counted))
    app.include_router(pictures.router(runtime))
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
