"""Which agencies may receive anything about a person, and that asking who calls needs no Kafka."""

from __future__ import annotations

import subprocess
import sys

import pytest

from shared.access.agencies import may_receive

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("recipient_class", "right", "may"),
    [
        ("case", True, True),
        ("service", True, True),
        ("service", False, False),
        ("employer", True, False),
        ("public", True, False),
        ("", True, False),
    ],
)
def test_receiving_takes_the_class_and_the_right(recipient_class: str, right: bool, may: bool) -> None:
    assert may_receive(recipient_class, right) is may


@pytest.mark.parametrize("module", ["shared.access.api_keys", "shared.kit.web.route_bounds"])
def test_who_calls_is_known_without_a_consumer(module: str) -> None:
    code = f"import {module}, sys; print(*sorted({{'aiokafka', 'faststream'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""
