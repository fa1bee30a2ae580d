"""The pictures that the page shows: stored ones by their hash, and the examples that ship."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi import Path as InPath

from assistant.api.login.callers import person_in
from assistant.errors import StoreError
from assistant.runtime import Runtime
from assistant.ui.examples import read_examples

_HEADERS = {"Cache-Control": "private, max-age=86400, immutable", "Vary": "Cookie"}
"""With the cookie: who signs in next in this browser does not get what the last person saw."""

Hash = Annotated[str, InPath(pattern="^[0-9a-f]{64}$")]


def router(runtime: Runtime) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/pictures/{sha256}")
    def picture(sha256: Hash, request: Request) -> Response:
        person = person_in(request.scope)
        try:
            data = runtime.store.for_person(person.id).image(sha256)
        except StoreError as error:
            # A reviewer sees what a refusal was about.
            found = runtime.store.appealed_image(sha256) if person.viewer.may_review else None
            if found is None:
                raise HTTPException(404, str(error)) from error
            data = found
        return Response(data, media_type=_media_type(data), headers=_HEADERS)

    @routes.get("/examples/{name}")
    def example(name: str) -> Response:
        for each in read_examples():
            if each.file == name:
                data = each.path.read_bytes()
                return Response(data, media_type=_media_type(data), headers=_HEADERS)
        raise HTTPException(404, "There is no such example.")

    return routes


def _media_type(data: bytes) -> str:
    return "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
