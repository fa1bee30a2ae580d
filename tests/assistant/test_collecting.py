"""Text that comes fast is handed on in few pieces, nothing is lost, and nothing else waits for it."""

import queue
import threading
import time

import pytest

from assistant.backends import Delta
from assistant.collecting import Collector


def drain(collector: Collector[str]) -> list[str | Delta]:
    """Everything up to the item "end"."""
    found: list[str | Delta] = []
    while not found or found[-1] != "end":
        found.append(collector.get(5.0))
    return found


def test_the_order_is_kept_and_ready_text_is_joined() -> None:
    collector: Collector[str] = Collector()
    for item in (Delta("a"), Delta("b"), "step", Delta("c"), Delta("d"), "end"):
        collector.put(item)
    assert drain(collector) == [Delta("ab"), "step", Delta("cd"), "end"]


def test_the_first_text_does_not_wait_for_more() -> None:
    collector: Collector[str] = Collector()
    collector.put(Delta("a"))
    assert collector.get(0.0) == Delta("a")


def test_a_fast_writer_wakes_the_reader_for_few_pieces() -> None:
    collector: Collector[str] = Collector()

    def write() -> None:
        for number in range(200):
            collector.put(Delta(f"{number} "))
            time.sleep(0.001)
        collector.put("end")

    threading.Thread(target=write, daemon=True).start()
    *pieces, end = drain(collector)
    assert end == "end"
    texts = [piece.text for piece in pieces if isinstance(piece, Delta)]
    assert "".join(texts) == "".join(f"{number} " for number in range(200))
    assert len(texts) < 100


def test_what_is_not_text_ends_the_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.collecting.COLLECT_SECONDS", 60.0)
    collector: Collector[str] = Collector()
    collector.put(Delta("a"))
    collector.get(0.0)
    collector.put(Delta("b"))
    threading.Timer(0.05, collector.put, ["end"]).start()
    begun = time.monotonic()
    assert drain(collector) == [Delta("b"), "end"]
    assert time.monotonic() - begun < 30


def test_silence_is_told() -> None:
    collector: Collector[str] = Collector()
    with pytest.raises(queue.Empty):
        collector.get(0.01)
