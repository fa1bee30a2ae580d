"""``/v1/mcp``: the Model Context Protocol, for assistants that call tools. Off unless the setting ``mcp`` is on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.types import Receive, Scope, Send

from assistant.api.bodies import body_limit
from assistant.api.metrics import Metrics
from assistant.api.problems import Problem, as_response
from assistant.api.running import RunningRequests
from assistant.errors import SettingsError
from assistant.runtime import Runtime

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

PATH = "/v1/mcp"


class McpDoor:
    """Answers each message by itself, as JSON over HTTP: no session is kept, and nothing is pushed.

    Gradio makes the tools of typed functions, their schemas and their results. Its own way to serve them would bring a
    second page, a queue and an older transport along; so the functions are in an application without a page, and only
    its MCP server is reached, at one path behind the gate.

    Raises:
        SettingsError: the package ``mcp`` is missing.
    """

    def __init__(self, runtime: Runtime, running: RunningRequests, metrics: Metrics) -> None:
        self._manager = _manager(runtime, running, metrics)

    @asynccontextmanager
    async def lifespan(self, _: Any) -> AsyncGenerator[None]:
        """To be entered while the server runs, once."""
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["method"] != "POST":
            message = "The Model Context Protocol is spoken here with POST. Give this address to an MCP client."
            await as_response(Problem(405, message, headers={"Allow": "POST"}))(scope, receive, send)
            return
        await self._manager.handle_request(scope, receive, send)


def _manager(runtime: Runtime, running: RunningRequests, metrics: Metrics) -> StreamableHTTPSessionManager:
    try:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    except ImportError as error:
        raise SettingsError(
            "MCP needs the extra mcp.", hint="Type: pip install 'glassbox[mcp]'. Or leave --mcp out."
        ) from error
    from gradio.mcp import GradioMCPServer

    from assistant.api.mcp_tools import tools_of

    return StreamableHTTPSessionManager(
        GradioMCPServer(tools_of(runtime, running, metrics)).mcp_server,
        json_response=True,
        stateless=True,
        max_request_body_size=body_limit(runtime.settings),
    )
