"""Models behind any server that speaks OpenAI's language: llama.cpp, vLLM, Ollama, transformers, another Glassbox."""

from __future__ import annotations

from assistant_backends.served.address import ServerAddress, read_address
from assistant_backends.served.backend import ServedBackend
from assistant_backends.served.problems import ServerProblem

__all__ = ["ServedBackend", "ServerAddress", "ServerProblem", "read_address"]
