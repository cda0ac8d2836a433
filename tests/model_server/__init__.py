"""A real HTTP server for tests: it speaks OpenAI's protocol, answers jitmem's steps by fixed rules, and fails on request."""

from .fault_kinds import FAULTS
from .http_server import ModelServer
from .step_replies import CHAT, ModelRequest, StepAnswers

__all__ = ["CHAT", "FAULTS", "ModelRequest", "ModelServer", "StepAnswers"]
