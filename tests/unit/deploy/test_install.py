"""Packages come from where pip is told to take them from, although uv fetches them."""

from __future__ import annotations

import pytest

from deploy.install import configuration, index_options

pytestmark = pytest.mark.unit


def test_of_pips_configuration_what_is_about_installing_counts_the_nearest_first() -> None:
    listed = "\n".join(
        [
            ":env:.index-url='https://of.the.environment/simple'",
            "download.index-url='https://another.command/simple'",
            "global.cert='/etc/ssl/ours.pem'",
            "global.index-url='https://of.the.machine/simple'",
            "install.index-url='https://of.the.command/simple'",
        ]
    )
    assert configuration(listed) == {"cert": "/etc/ssl/ours.pem", "index-url": "https://of.the.environment/simple"}


@pytest.mark.parametrize(
    ("configured", "options"),
    [
        ({}, []),
        ({"timeout": "180", "no-index": "false"}, []),
        ({"index-url": "https://a/simple"}, ["--default-index", "https://a/simple"]),
        ({"find-links": "/wheels\n/more"}, ["--find-links", "/wheels", "--find-links", "/more"]),
        ({"no-index": "1", "find-links": "/wheels"}, ["--find-links", "/wheels", "--no-index"]),
        (
            {"extra-index-url": "https://b/simple", "trusted-host": "b"},
            ["--index", "https://b/simple", "--allow-insecure-host", "b"],
        ),
    ],
)
def test_uv_is_told_them_in_its_own_words(configured: dict[str, str], options: list[str]) -> None:
    assert list(index_options(configured)) == options
