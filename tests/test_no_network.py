"""The guard that keeps the tests off the network works."""

from __future__ import annotations

import socket

import pytest


def test_a_connection_to_another_machine_is_refused_and_noted(no_network: list[str]) -> None:
    with socket.socket() as connection, pytest.raises(PermissionError, match="Tests have no network"):
        connection.connect(("192.0.2.1", 443))
    assert no_network == ["socket.connect ('192.0.2.1', 443)"]
    no_network.clear()


def test_a_name_is_not_looked_up(no_network: list[str]) -> None:
    with pytest.raises(PermissionError, match="Tests have no network"):
        socket.create_connection(("example.org", 443))
    assert no_network == ["socket.getaddrinfo 'example.org'"]
    no_network.clear()


def test_this_machine_and_unix_sockets_are_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()
    left, right = socket.socketpair()
    left.close()
    right.close()
