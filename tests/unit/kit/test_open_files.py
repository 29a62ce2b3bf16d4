"""How many files a service may have open, and how many of them connections that come in may take."""

from __future__ import annotations

import resource

import pytest

from shared.kit.runtime import serve

pytestmark = pytest.mark.unit
OTHERS = serve.RESERVE + serve.METRICS_CONNECTIONS + serve.FILES_FOR_OTHERS


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "let_in"),
    [
        (1_024, 524_288, serve.FILES, 1_000),  # what we open ourselves, to endpoints that hang, is not bounded by it
        (1_024, resource.RLIM_INFINITY, serve.FILES, 1_000),
        (1_024, 4_096, 4_096, 1_000),
        (1_024, 1_024, 1_024, 1_024 - OTHERS),
        (serve.FILES, 524_288, None, 1_000),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None, 1_000),
    ],
)
def test_the_limit_is_raised_as_far_as_the_system_lets_us(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, raised: int | None, let_in: int
) -> None:
    limits = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.append(wanted))
    assert serve.connections_below_files(1_000) == let_in
    assert limits[1:] == ([] if raised is None else [(raised, hard)])
