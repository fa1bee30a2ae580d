"""The page in Gradio: which panel stands where, and which event calls which handler. No logic lives here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from assistant.panels import Viewer
from assistant.runtime import Runtime
from assistant.ui.desk import Desks
from assistant.ui.languages import current, in_language, later, speaking, tr
from assistant.ui.look import script
from assistant.ui.session import Place, RunningTurns, Update, View
from assistant.ui.views.chats import files_form, search_form
from assistant.ui.views.model_choice import LABEL, model_choices
from assistant.ui.views.tray import ways_to_add

PLACEHOLDER = later("Ask about a picture. Drop, paste or add one here.")
TURNS_AT_ONCE = 16
"""Pages that may wait for the model at the same time; the runtime lets one through and tells the others so."""

CACHE_SECONDS = (3600, 86400)
"""Uploaded files are looked at every hour and deleted after a day. The store keeps its own copy of each picture."""


def build(runtime: Runtime, running: RunningTurns) -> gr.Blocks:
    """Lay out the page and wire it to the handlers."""
    desks = Desks(runtime, running, Path(get_upload_folder()))
    at_first = desks.for_viewer(Viewer("", operator=False), "")  # what stands there before it is known who looks

    with gr.Blocks(title="Glassbox", analytics_enabled=False, fill_width=True, delete_cache=CACHE_SECONDS) as blocks:
        place, view = gr.State(Place()), gr.State(View())
        top = _html(at_first.room.header(at_first.viewer), "header")
        warnings = _html("", "warnings")
        panel = _html("", "panel")
        with gr.Row(elem_id="columns"):
            with gr.Column(elem_id="left"):
                new_chat = gr.Button(tr("New chat"), elem_id="new-chat", variant="secondary")
                find = _html(search_form(), "find")
                found = _html("", "found")
                chats = _html("", "chats")
                files = _html(files_form(), "files-of-chats")
                plugins = _html("", "plugins")
            with gr.Column(elem_id="middle"):
                with gr.Column(elem_id="scroller"):
                    transcript = _html("", "transcript")
                    live = _html("", "running")
                phase = _html("", "phase")
                waiting = _html("", "tray")
                with gr.Column(elem_id="camera", visible=False) as camera:
                    photo = gr.Image(sources=["webcam"], type="filepath", label=tr("Your camera"), elem_id="webcam")
                    close_camera = gr.Button(tr("Close the camera"))
                with gr.Row(elem_id="composer"):
                    box = gr.Textbox(
                        label=tr("Your question"),
                        show_label=False,
                        container=False,
                        placeholder=tr(PLACEHOLDER),
                        max_lines=8,
                        autofocus=True,
                        submit_btn=tr("Ask"),
                        elem_id="question",
                    )
                    stop = gr.Button(tr("Stop"), elem_id="stop", variant="stop", visible=False)
                ways = _html(ways_to_add(), "ways")
                choices = model_choices(runtime.backends, runtime.settings.model)
                model = gr.Dropdown(
                    choices,
                    value=choices[0][1] if choices else None,
                    label=tr(LABEL),
                    filterable=False,
                    visible=len(choices) > 1,
                    elem_id="model",
                )
            with gr.Column(elem_id="right"):
                inspector = _html("", "inspector")
        bridge = gr.HTML("", js_on_load=script(), elem_id="bridge", apply_default_css=False)

        parts = [place, view, warnings, transcript, live, phase, box, stop, chats, inspector, plugins, panel, top]
        outputs = [*parts, found, waiting, camera, photo, model]
        fixed = [find, files, ways, new_chat, close_camera, photo, box, stop, model]

        def on_ask(place: Place, text: str | None, model: str | None, request: gr.Request) -> Iterator[list[Any]]:
            desk = desks.of(request)
            chosen = None if model == runtime.settings.model else model
            for update in in_language(desk.language, desk.asking.ask(place, desk.session, text or "", chosen)):
                yield changes(update)

        def on_draft(event: gr.EventData, request: gr.Request) -> list[Any]:
            desk = desks.of(request)
            with speaking(desk.language):
                return changes(desk.composing.act(desk.session, _sent(event)))

        def on_photo(file: str | None, request: gr.Request) -> list[Any]:
            desk = desks.of(request)
            with speaking(desk.language):
                return changes(desk.composing.add_photo(desk.session, file))

        def on_close_camera() -> list[Any]:
            return changes(Update(camera=False))

        def on_turn(place: Place, event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
            desk = desks.of(request)
            for update in in_language(desk.language, desk.asking.act(place, desk.session, _sent(event))):
                yield changes(update)

        def on_act(place: Place, view: View, event: gr.EventData, request: gr.Request) -> list[Any]:
            desk = desks.of(request)
            with speaking(desk.language):
                return changes(desk.handlers.act(place, view, desk.session, _sent(event)))

        def on_panel(place: Place, event: gr.EventData, request: gr.Request) -> list[Any]:
            desk = desks.of(request)
            with speaking(desk.language):
                return changes(desk.room.act(place, desk.session, _sent(event), desk.viewer))

        def on_load(request: gr.Request) -> list[Any]:
            desk = desks.of(request)
            with speaking(desk.language):
                loaded = desk.handlers.loaded(request.query_params.get("chat"))
                drawn = desk.composing.draw(desk.session)
                header, chosen = desk.room.header(desk.viewer), desk.models.chosen()
                return changes(replace(loaded, header=header, tray=drawn.tray, model=chosen))

        def on_language(request: gr.Request) -> list[Any]:
            with speaking(desks.of(request).language):
                return [gr.skip()] * len(fixed) if current() == "en" else fixed_texts(runtime)

        def on_model(model: str | None, request: gr.Request) -> list[Any]:
            desk = desks.of(request)
            with speaking(desk.language):
                return changes(desk.models.choose(model or ""))

        def on_new_chat(request: gr.Request) -> list[Any]:
            desk = desks.of(request)
            with speaking(desk.language):
                return changes(desk.handlers.new_chat(desk.session))

        def on_stop(request: gr.Request) -> list[Any]:
            desk = desks.of(request)
            with speaking(desk.language):
                return changes(desk.asking.stop(desk.session))

        def on_close(request: gr.Request) -> None:
            session = desks.of(request).session
            running.leave(session)
            desks.drafts.take(session)

        turn: dict[str, Any] = {
            "outputs": outputs,
            "concurrency_id": "model",
            "concurrency_limit": TURNS_AT_ONCE,
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        quick: dict[str, Any] = {
            "outputs": outputs,
            "queue": False,
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        box.submit(on_ask, [place, box, model], **turn)
        bridge.turn(on_turn, place, **turn)
        bridge.act(on_act, [place, view], trigger_mode="multiple", **quick)
        bridge.draft(on_draft, None, trigger_mode="multiple", **quick)
        photo.input(on_photo, photo, **quick)
        close_camera.click(on_close_camera, None, **quick)
        bridge.explain(
            on_act,
            [place, view],
            outputs=outputs,
            concurrency_id="explain",
            concurrency_limit=2,
            trigger_mode="always_last",
            show_progress="minimal",
            show_progress_on=inspector,
            api_visibility="private",
        )
        bridge.panel(
            on_panel,
            place,
            outputs=outputs,
            concurrency_id="panel",
            concurrency_limit=1,  # in the order in which they were pressed
            trigger_mode="multiple",
            show_progress="minimal",
            show_progress_on=panel,
            api_visibility="private",
        )
        model.input(on_model, model, **quick)
        new_chat.click(on_new_chat, None, **quick)
        stop.click(on_stop, None, **quick)
        blocks.load(on_load, None, **quick)
        blocks.load(on_language, None, fixed, queue=False, show_progress="hidden", api_visibility="private")
        blocks.unload(on_close)
    return blocks


def fixed_texts(runtime: Runtime) -> list[Any]:
    """What `build` wrote in English, in the reader's language."""
    return [
        search_form(),
        files_form(),
        ways_to_add(),
        gr.update(value=tr("New chat")),
        gr.update(value=tr("Close the camera")),
        gr.update(label=tr("Your camera")),
        gr.update(label=tr("Your question"), placeholder=tr(PLACEHOLDER), submit_btn=tr("Ask")),
        gr.update(value=tr("Stop")),
        gr.update(label=tr(LABEL), choices=model_choices(runtime.backends, runtime.settings.model)),
    ]


def changes(update: Update) -> list[Any]:
    """An update in Gradio's terms, in the order of the page's outputs."""

    def html(value: str | None) -> Any:
        return gr.skip() if value is None else str(value)

    return [
        gr.skip() if update.place is None else update.place,
        gr.skip() if update.view is None else update.view,
        html(update.warnings),
        html(update.transcript),
        html(update.running),
        html(update.phase),
        gr.skip() if update.box is None else update.box,
        gr.skip() if update.busy is None else gr.update(visible=update.busy),
        html(update.chats),
        html(update.inspector),
        html(update.plugins),
        html(update.panel),
        html(update.header),
        html(update.found),
        html(update.tray),
        gr.skip() if update.camera is None else gr.update(visible=update.camera),
        gr.skip() if update.camera is None else None,
        gr.skip() if update.model is None else update.model,
    ]


def _html(value: str, name: str) -> gr.HTML:
    return gr.HTML(value, elem_id=name, js_on_load=None, apply_default_css=False)


def _sent(event: gr.EventData) -> dict[str, Any]:
    """What the page's script sent along; Gradio has no public name for it."""
    return event._data or {}  # pyright: ignore[reportPrivateUsage]
