"""``assistant serve``: the chat in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from assistant.cli.common import ModelOption, fetch_model


def serve(
    host: Annotated[
        str | None,
        typer.Option(
            metavar="H", help="Address to listen on; for other computers, as in 0.0.0.0, there must be accounts first."
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="P", min=0, max=65535, help="Port to listen on; 0 takes any free one.")
    ] = None,
    model: ModelOption = None,
    safe_mode: Annotated[
        bool, typer.Option("--safe-mode", help="Leave out every plugin that Glassbox does not bring itself.")
    ] = False,
    mcp: Annotated[
        bool, typer.Option("--mcp", help="Offer ask, check and explain as tools to MCP clients, at /v1/mcp.")
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser window.")] = False,
) -> None:
    """Start the chat and print its address. Ctrl-C ends it."""
    from assistant.settings import load_settings

    settings = load_settings(host=host, port=port, model=model, safe_mode=safe_mode or None, mcp=mcp or None)
    from assistant.api.server import serve as start

    raise typer.Exit(start(settings, open_browser=not no_browser, before=fetch_model))
