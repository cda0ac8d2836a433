"""An example of signing in to `langgraph dev` and its like: one namespace for each user.

It is off until langgraph.json says so, with the users and their tokens in the environment:

    "auth": {"path": "jitmem.integrations.auth:auth", "disable_studio_auth": true}

    JITMEM_USERS='{"ana": "a long secret", "ben": "another"}'

A request then needs the header `Authorization: Bearer <token>`. A user's runs work on the namespace of their name,
whatever the context says, and sees no threads of other users. Every user may run the graphs and none
may change them; the server's own store and its crons are closed. Without `disable_studio_auth` the development
server accepts any client that claims to be Studio.

For users of your own, put the check of your identity provider in the place of `sign_in`.
"""

from __future__ import annotations

import json
import os
from hmac import compare_digest
from typing import Any

from langgraph_sdk import Auth

auth = Auth()
AuthContext = Auth.types.AuthContext


@auth.authenticate
async def sign_in(authorization: str | None) -> Auth.types.MinimalUserDict:
    """Who a request comes from, by its token."""
    scheme, _, token = (authorization or "").partition(" ")
    users = json.loads(os.environ.get("JITMEM_USERS") or "{}")
    for name, secret in users.items():
        if scheme.lower() == "bearer" and secret and compare_digest(secret.encode(), token.strip().encode()):
            return {"identity": name}
    raise Auth.exceptions.HTTPException(
        401, "Send the header Authorization: Bearer <token>, with a token of JITMEM_USERS."
    )


@auth.on
async def nothing_else(ctx: AuthContext, value: dict[str, Any]) -> bool:
    """What no rule below allows is refused."""
    return False


@auth.on.threads
async def own_threads(ctx: AuthContext, value: dict[str, Any]) -> dict[str, str]:
    """A thread, and a run on it, belongs to the user who creates it, and no other user sees it."""
    owner = {"owner": ctx.user.identity}
    value.setdefault("metadata", {}).update(owner)  # in place: the server reads the object that it gave
    return owner


@auth.on.assistants.read
async def read_graphs(ctx: AuthContext, value: Auth.types.AssistantsRead) -> bool:
    """The graphs are the same for all."""
    return True


@auth.on.assistants.search
async def find_graphs(ctx: AuthContext, value: Auth.types.AssistantsSearch) -> bool:
    """As `read_graphs`."""
    return True
