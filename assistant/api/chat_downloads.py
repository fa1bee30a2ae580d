"""Chats as files, for the links of the page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response

from assistant.api.login.callers import runtime_for
from assistant.chat_files import Format, export_chats, file_name, read_chat
from assistant.chat_files.exporting import MEDIA_TYPES
from assistant.errors import InputError, StoreError
from assistant.runtime import Runtime

MOST_CHATS = 10_000
"""Chats that go into the file with all of them."""


def router(runtime: Runtime) -> APIRouter:
    """The route."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/chats/{conversation_id}/file")
    def chat_file(
        conversation_id: str, request: Request, as_format: Annotated[Format, Query(alias="format")] = "html"
    ) -> Response:
        store = runtime_for(runtime, request).store
        try:
            every = conversation_id == "all"
            ids = [each.id for each in store.conversations(MOST_CHATS)] if every else [conversation_id]
            chats = [read_chat(store, each) for each in ids]
            data = export_chats(chats, as_format)
        except StoreError as error:
            raise HTTPException(404, str(error)) from error
        except InputError as error:
            raise HTTPException(400, str(error)) from error
        headers = {
            "Content-Disposition": f'attachment; filename="{file_name(chats, as_format)}"',
            "Cache-Control": "no-store",
        }
        return Response(data, media_type=MEDIA_TYPES[as_format], headers=headers)

    return routes
