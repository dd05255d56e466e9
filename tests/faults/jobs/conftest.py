"""What do jobs rest in whose stores fail? The same as all others (`tests/jobs`)."""

from tests.jobs.conftest import (  # noqa: F401 - fixtures
    database,
    held_folder,
    launcher,
    postgres_address,
    redis,
    redis_url,
    services,
)
