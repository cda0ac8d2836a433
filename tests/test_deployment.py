"""The compose file of docs/deployment.md, as far as one machine can run it: its commands and variables on a real PostgreSQL,
behind a real pgbouncer where there is one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from postgres_server import PostgresServer, free_port, unprivileged_user, why_not
from test_docs import DOCS, blocks
from test_studio import WITH_SERVER, client_of, serving

from jitmem import Memory
from jitmem.stores.errors import StoreReadOnly

if reason := why_not():
    pytest.skip(reason, allow_module_level=True)
import psycopg

SERVICES: dict[str, Any] = yaml.safe_load(
    next(block.body for block in blocks(DOCS / "deployment.md") if block.kind == "yaml")
)["services"]
PASSWORD = "s3cret-of-a-test"
PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def test_the_services_are_those_of_the_page_and_wait_for_each_other() -> None:
    assert set(SERVICES) == {"db", "redis", "pgbouncer", "setup", "agent", "worker"}
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", {})) <= set(SERVICES), name
        hosts = re.findall(r"@(\w+):", str(service)) + re.findall(r"redis://(\w+):", str(service))
        assert set(hosts) <= set(SERVICES), name
    assert SERVICES["agent"]["deploy"] == {"replicas": 2}
    assert SERVICES["pgbouncer"]["environment"]["POOL_MODE"] == "transaction"
    assert "vector" in SERVICES["db"]["image"]


@pytest.fixture
def addresses(postgres: PostgresServer) -> Iterator[dict[str, str]]:
    """What `db:5432` and `pgbouncer:5432` stand for here; without pgbouncer the database itself."""
    url = urlsplit(postgres.empty_database())
    assert url.port is not None
    for statement in ("DROP ROLE IF EXISTS app", f"CREATE ROLE app SUPERUSER LOGIN PASSWORD '{PASSWORD}'"):
        postgres.execute(statement)
    direct = f"127.0.0.1:{url.port}{url.path}"
    if PGBOUNCER is None:
        yield {"db:5432/app": direct, "pgbouncer:5432/app": direct}
    else:
        with running_pgbouncer(url.port, url.path[1:]) as port:
            yield {"db:5432/app": direct, "pgbouncer:5432/app": f"127.0.0.1:{port}{url.path}"}
    postgres.drop(url.geturl())
    postgres.execute("DROP OWNED BY app; DROP ROLE app")


def filled_in(text: str, addresses: dict[str, str]) -> str:
    """With the password, and the addresses of this machine."""
    text = text.replace("${DB_PASSWORD:?}", PASSWORD)
    for name, here in addresses.items():
        text = text.replace(name, here)
    return text


@contextmanager
def running_pgbouncer(port: int, database: str) -> Iterator[int]:
    """With the settings of the service, and users as the image makes them of the URL."""
    settings: dict[str, str] = dict(SERVICES["pgbouncer"]["environment"])
    del settings["DATABASE_URL"]
    own, folder = free_port(), Path(tempfile.mkdtemp(prefix="jitmem-pgbouncer-"))
    (folder / "users.txt").write_text(f'"app" "{PASSWORD}"\n')
    lines = [f"{name.lower()} = {value}" for name, value in settings.items()]
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n{database} = host=127.0.0.1 port={port} user=app\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {own}\nunix_socket_dir =\nauth_file = {folder}/users.txt\n" + "\n".join(lines) + "\n"
    )
    as_user: dict[str, int] = {}
    if os.getuid() == 0:
        user = unprivileged_user()
        as_user = {"user": user.pw_uid, "group": user.pw_gid}
        for path in (folder, *folder.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)
    with (folder / "log").open("wb") as log:
        command = [str(PGBOUNCER), str(folder / "pgbouncer.ini")]
        process = subprocess.Popen(command, stdout=log, stderr=log, **as_user)
    try:
        last = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < last:
            with suppress(psycopg.OperationalError):
                psycopg.connect(f"postgresql://app:{PASSWORD}@127.0.0.1:{own}/{database}").close()
                break
            time.sleep(0.05)
        assert process.poll() is None, (folder / "log").read_text()
        yield own
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def run_service(name: str, addresses: dict[str, str]) -> subprocess.Popen[str]:
    """The command of a service with its variables, by the `jitmem` of this environment."""
    service = SERVICES[name]
    first, *words = (filled_in(word, addresses) for word in service["command"])
    assert first == "jitmem"
    variables = {key: filled_in(value, addresses) for key, value in service.get("environment", {}).items()}
    outside = {key: value for key, value in os.environ.items() if not key.startswith("JITMEM_")}
    return subprocess.Popen(
        [sys.executable, "-c", "from jitmem.cli import main; main()", *words],
        env={**outside, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_setup_makes_the_memory_and_the_worker_files_what_a_replica_accepted(addresses: dict[str, str]) -> None:
    setup = run_service("setup", addresses)
    assert "Made a memory" in setup.communicate(timeout=120)[0]
    url = filled_in(SERVICES["agent"]["environment"]["JITMEM_MEMORY"], addresses)
    worker = run_service("worker", addresses)
    try:
        with Memory.open(url, "acme/ana", create=False) as replica:
            replica.accept("Ana: The ferry leaves at noon.")
            last = time.monotonic() + 60
            while replica.stats()["waiting"] and time.monotonic() < last:
                assert worker.poll() is None
                time.sleep(0.1)
            assert replica.recall("ferry")[0].text == "Ana: The ferry leaves at noon."
    finally:
        worker.send_signal(signal.SIGTERM)
        out = worker.communicate(timeout=60)[0]
    assert "Filed 1 session of acme/ana." in out
    assert PASSWORD not in out


def commands(url: str, new: str, folder: Path) -> list[str]:
    """Of the page's part on backups, each as it stands there, for these databases."""
    block = next(one.body for one in blocks(DOCS / "deployment.md") if one.kind == "bash" and "pg_dump" in one.body)
    names = {"postgresql://owner@db.internal/app": url, "postgresql://owner@new.internal/app": new}
    for name, here in names.items():
        block = block.replace(name, here)
    return block.replace("memory.dump", str(folder / "memory.dump")).strip().splitlines()


def test_a_dump_as_on_the_page_is_a_whole_memory(
    postgres: PostgresServer, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{postgres.programs}:{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if shutil.which("pg_restore") is None:
        pytest.skip("pg_dump and pg_restore are not installed")
    new = postgres.empty_database()
    with Memory.open(postgres_url) as memory:
        memory.memorize("Ana: The ferry leaves at noon.")
        memory.items.insert("Ana owns the ferry.")
        before = memory.stats(), memory.items.list(), memory.recall("ferry noon")
        for command in commands(postgres_url, new, tmp_path):
            done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
            assert done.returncode == 0 or command.startswith("jitmem doctor"), f"{command}: {done.stderr}"
    assert "1 page" in done.stdout
    with Memory.open(new, create=False) as restored:
        assert (restored.stats(), restored.items.list(), restored.recall("ferry noon")) == before
        restored.memorize("Ana: It came back.")
    postgres.drop(new)


def test_a_standby_reads_and_its_head_says_how_far_it_is(tmp_path: Path) -> None:
    primary = PostgresServer()
    if not primary.is_own:
        pytest.skip("only a server of the tests gets a standby")
    try:
        url = primary.database()
        with Memory.open(url, "acme/ana") as memory:
            memory.memorize("Ana: The ferry leaves at noon.")
            with primary.standby() as standby:
                reading = standby + urlsplit(url).path
                query = "SELECT head FROM jitmem.namespace WHERE name = 'acme/ana'"
                with Memory.open(reading, "acme/ana") as reader:
                    assert [hit.text for hit in reader.recall("ferry")] == ["Ana: The ferry leaves at noon."]
                    with pytest.raises(StoreReadOnly, match="reading works"):
                        reader.memorize("Ana: no.")
                    memory.memorize("Ana: The barge leaves at one.")
                    with psycopg.connect(url) as one, psycopg.connect(reading, autocommit=True) as two:
                        head, last = one.execute(query).fetchone(), time.monotonic() + 30
                        while two.execute(query).fetchone() != head:
                            assert time.monotonic() < last
                            time.sleep(0.05)
                    assert [hit.text for hit in reader.recall("barge", 1)] == ["Ana: The barge leaves at one."]
    finally:
        primary.close()


@WITH_SERVER
def test_what_one_replica_of_the_agent_server_files_the_other_finds(addresses: dict[str, str], tmp_path: Path) -> None:
    assert run_service("setup", addresses).wait(120) == 0
    url = filled_in(SERVICES["agent"]["environment"]["JITMEM_MEMORY"], addresses)
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    with serving(folders[0], JITMEM_MEMORY=url) as (first, _), serving(folders[1], JITMEM_MEMORY=url) as (second, _):
        client_of(first).runs.wait(None, "memorizer", input={"session": "Zoe lives in Oslo."})
        found: Any = client_of(second).runs.wait(None, "researcher", input={"question": "Where does Zoe live?"})
    assert "Zoe lives in Oslo." in found["context"]
