"""A real PostgreSQL server for the tests that need one: what ROOMKIT_TEST_POSTGRESQL names, or one of our own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from tools.postgresql_server import PostgreSQLServer, find_server

MISSING = "needs PostgreSQL (on Debian: apt install postgresql), or ROOMKIT_TEST_POSTGRESQL=postgresql://..."


def skip_unless_in_ci(missing: str) -> None:
    """Skip for want of something; where everything must run, fail."""
    if os.environ.get("CI"):
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQLServer]:
    """A server that may be halted and started."""
    binaries = find_server()
    if binaries is None:
        skip_unless_in_ci(MISSING)
    assert binaries is not None
    server = PostgreSQLServer(binaries)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgresql_dsn(request: pytest.FixtureRequest) -> str:
    """Where a server is."""
    if named := os.environ.get("ROOMKIT_TEST_POSTGRESQL"):
        return named
    server: PostgreSQLServer = request.getfixturevalue("postgresql_server")
    return server.dsn


@pytest.fixture
def postgresql_schema() -> str:
    """A schema nobody else uses."""
    return f"test_{uuid.uuid4().hex}"
