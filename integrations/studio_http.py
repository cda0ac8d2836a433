"""REST and the inspector in the process of `langgraph dev` and its like, below `/memory`, over the memory of its graphs.

It is off until langgraph.json says so, with tokens in the environment, as for `jitmem serve`:

    "http": {"app": "jitmem.integrations.studio_http:app"}

    JITMEM_TOKEN=…  JITMEM_USERS='{"ana": "…"}'

Without a token every request is refused. JITMEM_HOSTS has the names under which the server is reached, with commas
between them; addresses need not be named.
"""

from __future__ import annotations

import os

from fastapi import FastAPI

from ..server.callers import Callers
from ..server.web_app import create_app
from .studio import open_studio_memory

app = FastAPI(docs_url=None, redoc_url=None)
app.mount(
    "/memory",
    create_app(
        open_studio_memory,
        Callers.from_environment(),
        local=False,
        hosts=[name.strip() for name in os.environ.get("JITMEM_HOSTS", "").split(",") if name.strip()],
        close=False,  # it is closed with the process, as it is the graphs' too
    ),
)
