"""A streamed answer as server-sent events, in the chunks that OpenAI's clients read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from assistant.api.chat_reply import GlassboxReply, finish_reason, new_text, turn_of, usage_of
from assistant.api.problems import Problem
from assistant.api.running import events_of
from assistant.events import Event, Finished, Segment
from assistant.messages import TurnRecord

DONE = b"data: [DONE]\n\n"


class ChatStream:
    """The chunks of one reply, answer after answer.

    The protocol cannot take text back. What a rule refuses never leaves in the first place; where a beginning had been
    let out before a later part was refused, the refusal follows it, the answer ends with ``content_filter``, and
    ``withdrawn`` says that the beginning no longer stands.

    Args:
        id: of the reply.
        created: when, in seconds since 1970.
        model: who answers.
        notes: about the request.
        turns: each starts one of the answers.
        with_usage: whether a last chunk counts the tokens.
        begun: the beginning of the answers, which came with the request.
    """

    def __init__(
        self,
        id: str,
        created: int,
        model: str,
        notes: Sequence[str],
        turns: Sequence[Callable[[], Iterator[Event]]],
        *,
        with_usage: bool,
        begun: str = "",
    ) -> None:
        # Everything but the words is the same in each chunk, so it is written once.
        head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = json.dumps(head)[:-1]
        self._notes = notes
        self._turns = turns
        self._with_usage = with_usage
        self._begun = begun
        self._records: list[TurnRecord] = []
        self._chunks = self._all()

    async def begin(self) -> bytes:
        """The first chunk, once there is something to show: a turn that fails before is a reply of its own.

        Raises:
            Problem: the first turn failed before any text could be shown.
        """
        return await anext(self._chunks)

    def rest(self) -> AsyncIterator[bytes]:
        """The other chunks."""
        return self._chunks

    async def _all(self) -> AsyncIterator[bytes]:
        for index, turn in enumerate(self._turns):
            sent, known = "", self._begun
            async for event in events_of(turn):
                if isinstance(event, Segment):
                    # The beginning that came with the request goes by unsent, unless something else stands before it.
                    part = known[: len(event.text)] if event.text.startswith(known[: len(event.text)]) else ""
                    known = known[len(part) :] if part else ""
                    if new := event.text[len(part) :]:
                        yield self._piece(index, new, first=not sent)
                        sent += new
                elif isinstance(event, Finished):
                    failed = event.record.status == "failed"
                    if failed and not sent and not index:
                        raise _failed(index, event.record, self._notes)
                    if failed:
                        yield _event(_failed(index, event.record, self._notes).body)
                        yield DONE
                        return
                    yield self._end(index, event.record, sent)
                    self._records.append(event.record)
        if self._with_usage:
            usage = usage_of(self._records)
            yield self._chunk("[]", {"usage": usage.model_dump() if usage else None})
        yield DONE

    def _chunk(self, choices: str, more: dict[str, object] | None = None) -> bytes:
        rest = "" if more is None else ", " + json.dumps(more)[1:-1]
        return f'data: {self._head}, "choices": {choices}{rest}}}\n\n'.encode("ascii")

    def _piece(self, index: int, text: str, *, first: bool) -> bytes:
        role = '"role": "assistant", ' if first else ""
        return self._chunk(
            f'[{{"index": {index}, "delta": {{{role}"content": {json.dumps(text)}}}, "finish_reason": null}}]'
        )

    def _end(self, index: int, record: TurnRecord, sent: str) -> bytes:
        whole = new_text(record)
        withdrawn = not whole.startswith(sent)
        rest = f"\n\n{whole}" if withdrawn else whole[len(sent) :]
        delta: dict[str, str] = {} if sent else {"role": "assistant"}
        if rest:
            delta["content"] = rest
        if record.refusal is not None:
            delta["refusal"] = record.shown
        choice = {"index": index, "delta": delta, "finish_reason": finish_reason(record)}
        turn = turn_of(index, record, self._notes, withdrawn=withdrawn)
        told = GlassboxReply(turns=[turn]).model_dump(mode="json")
        return self._chunk(json.dumps([choice]), {"glassbox": told})


def _failed(index: int, record: TurnRecord, notes: Sequence[str]) -> Problem:
    told = GlassboxReply(turns=[turn_of(index, record, notes)]).model_dump(mode="json")
    headers = {"X-Glassbox-Turn": record.id}
    return Problem(500, record.error, code="model_failed", headers=headers, more={"glassbox": told})


def _event(body: object) -> bytes:
    return f"data: {json.dumps(body)}\n\n".encode("ascii")
