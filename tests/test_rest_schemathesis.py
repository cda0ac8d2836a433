"""Schemathesis over a real server, with the tokens of two users and of the owner: no 5xx, no answer beside the schema, no leak."""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from http_service import OWNER, USERS, http_service

SCHEMATHESIS = Path(__file__).parents[1] / ".venv-schemathesis" / "bin" / "schemathesis"
pytestmark = [
    pytest.mark.skipif(find_spec("fastapi") is None, reason="the server needs the extra [server]"),
    pytest.mark.skipif(not SCHEMATHESIS.exists(), reason="needs schemathesis in .venv-schemathesis: make test-rest"),
]
WORDS = {"ana": "Xylophonia", "ben": "Quinquereme"}
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"),
    *("unsupported_method", "ignored_auth", "use_after_free", "no_other_namespace", "no_token"),
)
SECONDS = int(os.environ.get("JITMEM_SCHEMATHESIS_SECONDS", "40"))


@pytest.mark.parametrize("name", ["ana", "ben", "owner"])
def test_no_request_of_the_schema_breaks_the_server_or_reads_another_namespace(tmp_path: Path, name: str) -> None:
    tokens = {**USERS, "owner": OWNER}
    with http_service(tmp_path / "memory", JITMEM_TOKEN=OWNER, JITMEM_USERS=json.dumps(USERS)) as running:
        before = {}
        for user, word in WORDS.items():
            with running.client(USERS[user]) as client:
                client.post("/v1/sessions", json={"text": f"I play the {word}.", "id": word}).raise_for_status()
                client.post("/v1/items", json={"content": f"Owns a {word}."}).raise_for_status()
                before[user] = client.get("/v1/pages").text + client.get("/v1/items").text
        others = {"ana": "ben", "ben": "ana"}.get(name)
        environment = os.environ | {
            "SCHEMATHESIS_HOOKS": "rest_hooks",
            "PYTHONPATH": str(Path(__file__).parent),
            "JITMEM_OTHERS_WORD": WORDS[others] if others else "a word of nobody",
            "JITMEM_TOKENS": " ".join(tokens.values()),
        }
        command = [
            *(
                str(SCHEMATHESIS),
                "run",
                f"{running.url}/openapi.json",
                "--header",
                f"Authorization: Bearer {tokens[name]}",
            ),
            *("--checks", ",".join(CHECKS), "--max-time", str(SECONDS), "--max-examples", "15"),
            *("--warnings", "off", "--seed", "7", "--no-color"),
        ]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        generated = re.search(r"([\d,]+) generated", done.stdout)
        assert generated is not None
        assert int(generated[1].replace(",", "")) > 500
        printed = "".join(running.log)
        assert "Traceback" not in printed, printed[-4000:]
        assert not any(one in printed for one in (*tokens.values(), *WORDS.values()))
        if others:
            with running.client(USERS[others]) as client:
                assert client.get("/v1/pages").text + client.get("/v1/items").text == before[others]
