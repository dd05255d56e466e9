"""The program's tests. Asserts of contracts are rewritten too; this stands here, before anything imports them."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite(
    *(f"tests.stores.{contract.stem}" for contract in (Path(__file__).parent / "stores").glob("*_contract.py")),
    "tests.stores.relay",
)
