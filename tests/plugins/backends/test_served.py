"""A model at a server: what is asked, what is said where the server misbehaves, and where the key goes."""

from __future__ import annotations

import json
import socket
import threading
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from assistant import AnswerEnd, Delta, Exchange, Message, TokenCount, Turn, TurnSettings
from assistant.errors import BackendError, GenerationError, ModelLoadError, SettingsError
from assistant.evaluation.subject import Subject
from assistant.intake import read_image
from assistant.settings import Settings
from assistant.testing import FakeModel, picture
from assistant_backends.served import ServedBackend, ServerAddress, ServerProblem, backend, read_address

from .servers import Scripted, begin_stream, glassbox, say_error, say_json, scripted, send, stream


def opened(address: str, **more: Any) -> ServedBackend:
    name = f"openai:tiny@{address}/v1"
    return ServedBackend(name, read_address(name), **more)


def question(text: str = "what is this?", *colours: str, **settings: Any) -> Turn:
    images = tuple(read_image(picture(colour), Settings()) for colour in colours)
    return Turn(question=Message(text=text, images=images), settings=TurnSettings(**settings))


def run(served: ServedBackend, turn: Turn, should_stop: Any = lambda: False) -> tuple[str, AnswerEnd]:
    items = list(served.stream(turn, should_stop))
    assert isinstance(items[-1], AnswerEnd)
    return "".join(each.text for each in items if isinstance(each, Delta)), items[-1]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "WAITS", (0.01, 0.01))


# Addresses


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1"),
        ("https://api.example.org/v1/", "https://api.example.org/v1"),
        ("http://[::1]:11434/v1/chat/completions", "http://[::1]:11434/v1"),
        ("https://example.org:443/openai/v1", "https://example.org/openai/v1"),
    ],
)
def test_an_address_is_read(url: str, base: str) -> None:
    address = read_address(f"openai:llava:7b@q4@{url}")
    assert (address.model, address.base) == ("llava:7b@q4", base)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("openai:gpt", "Expected openai:NAME@URL"),
        ("openai:@http://x/v1", "Expected openai:NAME@URL"),
        ("openai:a@ftp://x/v1", "Expected openai:NAME@URL"),
        ("openai:a@http://me:hunter2@x/v1", "model_keys"),
        ("openai:a@http://x/v1?key=hunter2", "without"),
        ("openai:a@http://x:99999/v1", "cannot be read"),
    ],
)
def test_an_address_that_cannot_be_used_is_named_without_what_may_be_a_key(named: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        read_address(named)
    assert "hunter2" not in str(caught.value)


def test_what_leaves_this_computer_is_said() -> None:
    def notice(url: str, key: str = "") -> str:
        return ServedBackend("m", read_address(f"openai:m@{url}"), key=key).notice

    assert "leave this computer" not in notice("http://localhost:8080")
    assert "leave this computer" in notice("https://example.org")
    assert "not encrypted" not in notice("https://example.org")
    assert "not encrypted" in notice("http://192.168.0.7:8000", "k")
    assert "Your key goes with them" in notice("http://192.168.0.7:8000", "k")


# What is asked


def test_the_whole_chat_goes_with_its_pictures_and_settings() -> None:
    with scripted(stream("a", " cat")) as server:
        asked = question("and here?", "blue", "green", temperature=0.5, top_p=0.9, seed=7, max_tokens=5, stop=("END",))
        first = question("what is this?", "red").question
        asked = asked.model_copy(update={"history": (Exchange(question=first, answer="a dog"),)})
        text, end = run(opened(server.address), asked)
    assert text == "a cat"
    assert end.tokens == TokenCount(read=7, written=2)
    assert end.state == {"system_fingerprint": "fp_1"}
    (seen,) = server.chats
    assert seen.path == "/v1/chat/completions"
    expected = {"model": "tiny", "stream": True, "temperature": 0.5, "top_p": 0.9, "seed": 7, "max_tokens": 5}
    assert expected.items() <= seen.body.items()
    assert seen.body["stop"] == ["END"]
    assert [each["role"] for each in seen.body["messages"]] == ["user", "assistant", "user"]
    *_, last = seen.body["messages"]
    assert [part["type"] for part in last["content"]] == ["text", "image_url", "image_url"]
    kind, data = last["content"][2]["image_url"]["url"].split(",")
    assert kind == "data:image/png;base64"
    assert b64decode(data) == asked.question.images[1].data
    assert "Authorization" not in seen.headers


def test_a_whole_reply_to_a_stream_is_read_too() -> None:
    said = {"choices": [{"message": {"content": "a cat"}, "finish_reason": "length"}], "usage": {}}
    with scripted(say_json(said)) as server:
        assert run(opened(server.address), question())[0] == "a cat"


def test_the_key_goes_to_its_server_and_into_no_message(caplog: pytest.LogCaptureFixture) -> None:
    with scripted(say_error(401, "wrong key sk-hunter2!")) as server:
        served = opened(server.address, key="sk-hunter2")
        with pytest.raises(ServerProblem, match="does not accept the key") as caught:
            run(served, question())
    assert server.chats[0].headers["Authorization"] == "Bearer sk-hunter2"
    assert "hunter2" not in str(caught.value) + caplog.text + served.notice + served.title
    assert "GLASSBOX_MODEL_KEYS" in str(caught.value)


def test_a_parameter_that_the_server_does_not_know_is_left_out_from_then_on() -> None:
    turned_away = say_error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    no_seed = say_error(422, "extra inputs are not permitted", param="seed")
    with scripted(turned_away, no_seed, stream("yes")) as server:
        served = opened(server.address)
        text, end = run(served, question(max_tokens=9))
        assert text == "yes"
        assert any("no seed" in note for note in end.notes)
        run(served, question(max_tokens=9))
    assert server.chats[-1].body["max_completion_tokens"] == 9
    assert not {"max_tokens", "seed"} & server.chats[-1].body.keys()
    assert len(server.chats) == 4


def test_a_parameter_that_was_not_sent_is_no_cure() -> None:
    with scripted(say_error(400, "bad", param="top_p")) as server:
        with pytest.raises(ServerProblem, match="does not take top_p"):
            run(opened(server.address), question())
        assert len(server.chats) == 1


def test_the_oldest_questions_are_left_out_where_a_chat_is_too_long() -> None:
    too_long = say_error(400, "This model's maximum context length is 10 tokens.", code="context_length_exceeded")
    history = tuple(Exchange(question=Message(text=f"q{each}"), answer="a") for each in range(5))
    turn = question("last").model_copy(update={"history": history})
    with scripted(too_long, too_long, stream("yes")) as server:
        text, end = run(opened(server.address), turn)
    assert text == "yes"
    assert end.notes == (
        "The first 4 questions of this chat did not fit into what the model reads, and had no part in this answer.",
    )
    assert [each["content"] for each in server.chats[-1].body["messages"]] == ["q4", "a", "last"]


# What is said where something goes wrong


@pytest.mark.parametrize(
    ("status", "message", "more", "said"),
    [
        (401, "no", {}, "wants a key"),
        (403, "no", {}, "wants a key"),
        (404, "model 'tiny' not found", {}, "no model 'tiny'"),
        (400, "the request exceeds the available context size", {}, "longer than what the model"),
        (413, "too big", {}, "larger than"),
        (400, "image input is not supported - hint: mmproj", {}, "did not take the picture"),
        (500, "boom", {}, "could not answer .status 500."),
        (429, "slow down", {"Retry_After": "3600"}, "is busy"),
        (307, "", {"Location": "http://elsewhere/v1"}, "sends on"),
    ],
)
def test_a_refusal_of_the_server_says_what_to_do(status: int, message: str, more: Any, said: str) -> None:
    with scripted(say_error(status, message, **more)) as server:
        with pytest.raises(ServerProblem, match=said) as caught:
            run(opened(server.address), question("what?", "red"))
        assert caught.value.hint
        assert len(server.chats) == 1
    if message:
        assert message.rstrip(".") in str(caught.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"error": "model not found, try pulling it first"}', "try pulling it"),
        (b"plain words", "plain words"),
        (b"[1, 2]", "1, 2"),
        (b'{"error": null}', "no chat at this address"),
        (b"<html>lots of it</html>", "no chat at this address"),
        (b"\xff\xfe", "no chat at this address"),
    ],
)
def test_errors_in_other_forms_are_read(body: bytes, said: str) -> None:
    with scripted(say_json(body, 404)) as server, pytest.raises(ServerProblem) as caught:
        run(opened(server.address), question())
    assert said in str(caught.value)
    assert "<html" not in str(caught.value)


def test_a_busy_server_is_asked_again_before_the_first_token() -> None:
    with scripted(say_error(503, "loading"), say_error(429, "slow", Retry_After="0"), stream("yes")) as server:
        assert run(opened(server.address), question())[0] == "yes"
        assert len(server.chats) == 3


def test_a_server_that_stays_busy_is_given_up() -> None:
    with scripted(say_error(503, "loading")) as server:
        with pytest.raises(ServerProblem, match="status 503"):
            run(opened(server.address), question())
        assert len(server.chats) == 3


def test_after_the_first_token_nothing_is_asked_again() -> None:
    with scripted(stream("half", " an", end="cut")) as server:
        items: list[Any] = []
        with pytest.raises(ServerProblem, match="broke off in the middle"):
            items.extend(opened(server.address).stream(question(), lambda: False))
        assert len(server.chats) == 1
    with scripted(stream("half", end="error")) as server, pytest.raises(ServerProblem, match="out of memory"):
        run(opened(server.address), question())


def test_nobody_there_is_said_with_what_to_do() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ServerProblem, match=r"cannot be reached.*Start the server"):
            run(opened(address), question())
        with pytest.raises(ModelLoadError, match="cannot be reached"):
            opened(address).load()
    name = "openai:m@http://no-such-host.invalid/v1"
    with pytest.raises(ModelLoadError, match="cannot be reached"):
        ServedBackend(name, read_address(name)).load()


def test_a_server_of_another_kind_is_recognised() -> None:
    def page(handler: Any) -> None:
        begin_stream(handler, "text/html")
        handler.wfile.write(b"<html></html>")

    def nonsense(handler: Any) -> None:
        begin_stream(handler)
        handler.wfile.write(b"data: this is no JSON\n\n")

    for reply in (page, nonsense, say_json([1])):
        with scripted(reply) as server, pytest.raises(ServerProblem, match="no reply in OpenAI's form"):
            run(opened(server.address), question())


def test_silence_has_a_limit() -> None:
    with scripted(lambda handler: time.sleep(5)) as server:
        begin = time.monotonic()
        with pytest.raises(ServerProblem, match="silent before it began"):
            run(opened(server.address, first_seconds=0.2), question())
        assert time.monotonic() - begin < 4

    def stuck(handler: Any) -> None:
        begin_stream(handler)
        send(handler, {"choices": [{"delta": {"content": "one"}}]})
        time.sleep(5)

    with scripted(stuck) as server, pytest.raises(ServerProblem, match="in the middle of the answer"):
        run(opened(server.address, next_seconds=0.2), question())


def test_a_stop_hangs_up_so_that_the_server_notices() -> None:
    stop = threading.Event()
    with scripted(stream("one", " two", end="hang")) as server:
        got: list[Any] = []
        for item in opened(server.address).stream(question(), stop.is_set):
            got.append(item)
            if len(got) == 2:
                stop.set()
        assert [each.text for each in got] == ["one", " two"]
        assert server.hung_up.wait(5)


def test_a_generator_that_is_dropped_hangs_up_too() -> None:
    with scripted(stream("one", end="hang")) as server:
        items: Any = opened(server.address).stream(question(), lambda: False)
        assert next(items).text == "one"
        items.close()
        assert server.hung_up.wait(5)


def test_a_stop_while_the_server_reads_the_question() -> None:
    begin = time.monotonic()
    with scripted(lambda handler: time.sleep(5)) as server:
        turn, stops = question(), iter([False] * 3)
        assert list(opened(server.address).stream(turn, lambda: next(stops, True))) == []
        assert time.monotonic() - begin < 4


def test_the_servers_own_filter_is_told() -> None:
    def filtered(handler: Any) -> None:
        begin_stream(handler)
        send(handler, {"choices": [{"delta": {"content": "I"}, "finish_reason": "content_filter"}]})
        handler.wfile.write(b"data: [DONE]\n\n")

    with scripted(filtered) as server:
        _, end = run(opened(server.address), question())
    assert "own filter" in end.notes[0]


# A list of answers


def test_a_server_that_holds_a_model_to_a_list() -> None:
    def obedient(handler: Any) -> None:
        options = asked[-1]["response_format"]["json_schema"]["schema"]["properties"]["answer"]["enum"]
        logprobs = {"content": [{"token": "x", "logprob": -0.5}, {"token": "y", "logprob": -0.5}]}
        message = {"content": json.dumps({"answer": options[-1]})}
        say_json({"choices": [{"message": message, "logprobs": logprobs, "finish_reason": "stop"}]})(handler)

    with scripted(obedient) as server:
        asked = _Bodies(server)
        served = opened(server.address)
        assert Subject(served).can_choose
        ((option, probability),) = served.choose(question("", "red").images[0], "what?", ["a dog", "a cat"])
        assert option == "a cat"
        assert abs(probability - 0.3679) < 1e-4  # exp(-1)


class _Bodies:
    def __init__(self, server: Scripted) -> None:
        self._server = server

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._server.chats[index].body


@pytest.mark.parametrize(
    "reply",
    [
        say_json({"choices": [{"message": {"content": "Hello!"}, "finish_reason": "stop"}]}),
        say_error(400, "response_format is not supported"),
    ],
)
def test_one_that_does_not_says_so(reply: Any) -> None:
    with scripted(reply) as server:
        served = opened(server.address)
        assert not Subject(served).can_choose
        with pytest.raises(GenerationError, match="cannot hold a model to a list"):
            served.choose(question("", "red").images[0], "what?", ["a dog", "a cat"])


def test_its_words_come_from_nowhere_that_it_could_tell() -> None:
    served = ServedBackend("m", ServerAddress("m", "http", "localhost", 80, "/v1"))
    assert not served.can_trace
    with pytest.raises(BackendError, match="does not say where the words"):
        served.trace(None)  # type: ignore[arg-type]


# Against a real server: ours


def test_our_own_door_is_such_a_server(tmp_path: Path) -> None:
    model = FakeModel(lambda turn: f"{len(turn.images)} pictures, {len(turn.history)} before")
    with glassbox(tmp_path, model) as address:
        served = ServedBackend("m", read_address(f"openai:fake@{address}"))
        served.load()
        turn = question("how many?", "red", "blue")
        turn = turn.model_copy(update={"history": (Exchange(question=Message(text="hi"), answer="hello"),)})
        assert run(served, turn)[0] == "2 pictures, 1 before"
        assert not served.can_choose
        unknown = ServedBackend("m", read_address(f"openai:other@{address}"))
        with pytest.raises(ServerProblem, match=r"no model 'other'.*there are: fake"):
            run(unknown, question())


# Going on

LIST_OF_VLLM = {"object": "list", "data": [{"id": "tiny", "object": "model", "owned_by": "vllm"}]}


def begun(text: str) -> Turn:
    return question("what is this?").model_copy(update={"begun": text})


def test_a_server_that_carries_on_gets_the_beginning_last() -> None:
    with scripted(stream(" circle", "."), models=LIST_OF_VLLM) as server:
        served = opened(server.address)
        served.load()
        text, end = run(served, begun("a red"))
    assert text == " circle."
    body = server.chats[-1].body
    assert body["messages"][-1] == {"role": "assistant", "content": "a red"}
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert backend.ASKED_TO_GO_ON not in end.notes


@pytest.mark.parametrize(
    ("said", "new"),
    [
        (["circle", "."], " circle."),
        ([" circle", "."], " circle."),
        ([", a", " circle"], ", a circle"),
        (["It is a red", " and large circle."], " circle."),
        (["It", " is", " a", " red", " and", " large circle."], " circle."),
        (["a red", " and", " large circle."], " circle."),
        (["It is a square."], " It is a square."),
        (["It is a"], " It is a"),
        (["and", " large circle."], " and large circle."),
    ],
)
def test_another_is_asked_in_words_and_what_it_repeats_is_left_out(said: list[str], new: str) -> None:
    with scripted(stream(*said)) as server:
        served = opened(server.address)
        served.load()
        text, end = run(served, begun("It is a red and large"))
    assert text == new
    body = server.chats[-1].body
    assert [each["role"] for each in body["messages"]] == ["user", "assistant", "user"]
    assert "exactly where it ends" in body["messages"][-1]["content"]
    assert "continue_final_message" not in body
    assert backend.ASKED_TO_GO_ON in end.notes


def test_a_script_without_spaces_is_joined_without_one() -> None:
    with scripted(stream("一个圆")) as server:
        served = opened(server.address)
        served.load()
        assert run(served, begun("这是"))[0] == "一个圆"


def test_a_server_whose_model_does_not_allow_it_is_asked_in_words() -> None:
    refuses = say_error(400, "Assistant response prefill is incompatible with enable_thinking.")
    with scripted(refuses, stream("circle"), models=LIST_OF_VLLM) as server:
        served = opened(server.address)
        served.load()
        text, end = run(served, begun("a red"))
    assert text == " circle"
    assert backend.ASKED_TO_GO_ON in end.notes
    assert len(server.chats) == 2
