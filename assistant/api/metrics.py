"""``GET /metrics``: what happened here, in numbers for Prometheus. No word of anybody is in it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from assistant.api.login.callers import person_in
from assistant.api.problems import Problem
from assistant.api.running import RunningRequests, in_thread
from assistant.errors import StoreError
from assistant.marks import CHECKING_HOOKS
from assistant.messages import CheckResult, HookCall, TurnRecord
from assistant.runtime import Runtime

_FAILED = ("crash", "timeout", "wrong_type")
_TURN_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_CHECK_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)


class _LeftBehind(Collector):
    """Counts the answers that hung, where they are counted already: at the models."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(
            "glassbox_model_answers_left_behind", "Answers of a model that hung.", labels=["model"]
        )
        for backend in self._runtime.backends:
            family.add_metric([backend.name], self._runtime.generator(backend.name).left_behind)
        yield family


class Metrics:
    """Counts every turn of a runtime, at whatever door.

    Args:
        runtime: what is counted, from now on.
        running: the requests to the API that are being worked on.
    """

    def __init__(self, runtime: Runtime, running: RunningRequests) -> None:
        self._runtime = runtime
        self._running = running
        disable_created_metrics()  # one more series for each, which nobody asks for
        registry = self.registry = CollectorRegistry()
        self._turns = Counter("glassbox_turns", "Finished turns.", ["status", "door"], registry=registry)
        self._verdicts = Counter(
            "glassbox_verdicts", "Verdicts of rules in turns.", ["pack", "rule", "action", "stage"], registry=registry
        )
        self._tokens = Counter(
            "glassbox_tokens", "Tokens read and written by models.", ["direction"], registry=registry
        )
        self._failures = Counter(
            "glassbox_hook_failures", "Hook calls that failed.", ["plugin", "hook", "outcome"], registry=registry
        )
        self._turn = Histogram(
            "glassbox_turn_seconds", "Length of a turn.", ["door"], registry=registry, buckets=_TURN_SECONDS
        )
        self._first = Histogram(
            "glassbox_first_text_seconds",
            "Time until the first text of an answer could be shown.",
            registry=registry,
            buckets=_TURN_SECONDS,
        )
        self._checks = Histogram(
            "glassbox_checks_seconds",
            "Time in checking hooks for one turn, or for one text of /v1/check.",
            registry=registry,
            buckets=_CHECK_SECONDS,
        )
        self._loaded = Gauge("glassbox_model_loaded", "1 where the model is loaded.", ["model"], registry=registry)
        registry.register(_LeftBehind(runtime))
        self._stuck = Gauge(
            "glassbox_model_stuck_threads", "Threads of answers that hang until now.", ["model"], registry=registry
        )
        self._working = Gauge("glassbox_plugin_working", "1 where the plugin works.", ["plugin"], registry=registry)
        self._requests = Gauge("glassbox_running_requests", "Requests that run at the API.", registry=registry)
        self._store = Gauge("glassbox_store_bytes", "Size of the database.", registry=registry)
        runtime.observers.append(self.turn_finished)

    def turn_finished(self, record: TurnRecord) -> None:
        """Count a turn."""
        trace, door = record.trace, record.turn.door
        self._turns.labels(record.status, door).inc()
        self._turn.labels(door).observe(sum(trace.timings.values()) / 1000)
        if trace.first_text_ms is not None:
            self._first.observe(trace.first_text_ms / 1000)
        for each in trace.verdicts:
            if each.verdict.rule is not None:
                rule = each.verdict.rule
                self._verdicts.labels(rule.pack, rule.id, each.verdict.action, each.stage).inc()
        if trace.tokens is not None:
            self._tokens.labels("read").inc(trace.tokens.read)
            self._tokens.labels("written").inc(trace.tokens.written)
        self._called(trace.hooks)

    def checked(self, result: CheckResult) -> None:
        """Count a text that was checked without a turn."""
        self._called(result.hooks)

    def _called(self, calls: tuple[HookCall, ...]) -> None:
        checks = [call.milliseconds for call in calls if call.hook in CHECKING_HOOKS]
        if checks:
            self._checks.observe(sum(checks) / 1000)
        for call in calls:
            if call.outcome in _FAILED:
                self._failures.labels(call.plugin, call.hook, call.outcome).inc()

    def page(self) -> bytes:
        """Everything, in Prometheus' text format."""
        for backend in self._runtime.backends:
            generator = self._runtime.generator(backend.name)
            self._loaded.labels(backend.name).set(generator.state == "ready")
            self._stuck.labels(backend.name).set(generator.stuck)
        for plugin in self._runtime.plugins():
            self._working.labels(plugin.name).set(plugin.state == "working")
        self._requests.set(len(self._running))
        try:
            self._store.set(self._runtime.store.size())
        except StoreError:
            self._store.set(float("nan"))
        return generate_latest(self.registry)


def router(metrics: Metrics) -> APIRouter:
    """The route."""
    routes = APIRouter()

    @routes.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The numbers."}},
        summary="Numbers for Prometheus",
    )
    async def page(request: Request) -> Response:
        person = person_in(request.scope)
        if person.has_account and person.role != "operator":
            raise Problem(403, "The numbers of the whole house are for an operator.", code="insufficient_permissions")
        return Response(await in_thread(partial(metrics.page)), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes
