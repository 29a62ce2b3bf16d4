"""Logs: whatever is thrown at them, one line of JSON per event, allowed keys only, and nothing of a person in it."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from shared.kit.base import logs, metrics
from shared.kit.base.log_allow_list import FORMS, LONGEST_TEXT

pytestmark = pytest.mark.unit
NAME = "김철수"
PHONE = "010-1234-5678"
ALWAYS = {"time", "level", "event", "service", "instance", "dropped"}
MADE_BY_THE_KIT = {"errors", "frames"}


@pytest.fixture(autouse=True)
def _as_in_a_service() -> Iterator[None]:
    """Set up as a service does, and give everything back."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logs._State.always, logs._State.threshold)
    hooks = (warnings.showwarning, sys.excepthook, threading.excepthook, sys.unraisablehook)
    logs.setup("intake", "intake-1")
    yield
    root.handlers[:], root.level, logs._State.always, logs._State.threshold = before
    warnings.showwarning, sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Any:
    """All lines so far, parsed and held to the allow-list; nothing may go to stderr."""

    def read() -> list[dict[str, Any]]:
        written = capsys.readouterr()
        assert written.err == ""
        found = [json.loads(line) for line in written.out.splitlines()]
        for line in found:
            assert set(line) <= ALWAYS | set(FORMS) | MADE_BY_THE_KIT
        return found

    return read


LOG = logs.logger("test")


class TestKeys:
    def test_allowed_are_written_with_service_and_part(self, lines: Any) -> None:
        LOG.info("published", topic="people", count=12)
        (line,) = lines()
        del line["time"]
        assert line == {
            "level": "info", "service": "intake", "instance": "intake-1", "event": "published", "part": "test",
            "topic": "people", "count": 12,
        }  # fmt: skip

    @pytest.mark.parametrize("key", ["name", "person", "alias", "reference", "body", "value", "phone", "msg", "time2"])
    def test_unknown_are_dropped_and_counted(self, key: str, lines: Any) -> None:
        before = metrics.REGISTRY.get_sample_value("ieum_log_values_dropped_total") or 0
        LOG.info("told", **{key: NAME})
        (line,) = lines()
        assert key not in line
        assert line["dropped"] == 1
        assert metrics.REGISTRY.get_sample_value("ieum_log_values_dropped_total") == before + 1

    @pytest.mark.parametrize(
        "value", [NAME, "two words", "line\nfeed", {"name": NAME}, [NAME], [[["x"]]], object(), b"bytes", "a@b.kr", ""]
    )
    def test_allowed_with_a_value_of_another_form_are_dropped(self, value: object, lines: Any) -> None:
        LOG.info("told", agency=value)
        (line,) = lines()
        assert "agency" not in line
        assert line["dropped"] == 1

    def test_a_dict_nested_20_deep_is_dropped_whole(self, lines: Any) -> None:
        nested: dict[str, Any] = {"secret": NAME}
        for _ in range(20):
            nested = {"inner": nested}
        LOG.info("told", topic=nested, settings=nested)
        (line,) = lines()
        assert line["dropped"] == 2

    def test_event_id_is_one_of_ours_or_dropped(self, lines: Any) -> None:
        LOG.info("told", event_id="0a" * 16)
        LOG.info("told", event_id="HW-8841")
        ours, theirs = lines()
        assert ours["event_id"] == "0a" * 16
        assert "event_id" not in theirs

    def test_an_exception_as_value_is_its_class(self, lines: Any) -> None:
        LOG.warning("told", error=ValueError(NAME))
        assert lines()[0]["error"] == "ValueError"

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), 10**400])
    def test_numbers_that_json_does_not_know_are_dropped(self, number: float, lines: Any) -> None:
        LOG.info("told", count=number)
        assert "count" not in lines()[0]


class TestInjection:
    @pytest.mark.parametrize(
        "text", ["a\n{}", "a\r\nb", "\x1b[31mred", "\u202eover", "\u2028", "\x00", "\ud800", "\u200b", "\x85"]
    )
    def test_text_stays_one_printable_line(self, text: str, lines: Any) -> None:
        LOG.info("told", remedy=text)
        (line,) = lines()
        assert line["remedy"].isprintable()
        assert "\N{REPLACEMENT CHARACTER}" in line["remedy"]

    def test_a_megabyte_is_cut(self, lines: Any) -> None:
        LOG.info("told", remedy="x" * 1_000_000)
        assert len(lines()[0]["remedy"]) == LONGEST_TEXT

    def test_an_event_that_is_no_name_is_not_written(self, lines: Any) -> None:
        LOG.info(f"sent to {NAME}")
        LOG.info("sent to %s", NAME)
        assert [line["event"] for line in lines()] == ["unnamed", "unnamed"]


class Person(BaseModel):
    name: str
    age: int


def fail() -> None:
    local_secret = PHONE
    raise ValueError(f"{NAME} {local_secret}")


class TestExceptions:
    def test_are_class_names_and_frames_without_text_and_locals(self, lines: Any) -> None:
        try:
            try:
                fail()
            except ValueError as cause:
                raise RuntimeError(NAME) from cause
        except RuntimeError:
            LOG.exception("failed")
        (line,) = lines()
        assert line["errors"] == ["RuntimeError", "ValueError"]
        assert line["level"] == "error"
        assert any(frame.startswith("tests/unit/kit/test_logs.py:") for frame in line["frames"])
        assert NAME not in json.dumps(line, ensure_ascii=False)
        assert PHONE not in json.dumps(line)

    def test_of_validation_hold_no_input(self, lines: Any) -> None:
        try:
            Person.model_validate({"name": [PHONE], "age": PHONE})
        except ValidationError:
            LOG.exception("failed")
        (line,) = lines()
        assert line["errors"] == ["ValidationError"]
        assert PHONE not in json.dumps(line)

    def test_of_groups_name_their_parts(self, lines: Any) -> None:
        LOG.error("failed", exc_info=ExceptionGroup(NAME, [ValueError(NAME), KeyError(NAME)]))
        assert lines()[0]["errors"] == ["ExceptionGroup", "ValueError", "KeyError"]

    def test_uncaught_lose_their_text_also_in_threads(self, lines: Any) -> None:
        sys.excepthook(ValueError, ValueError(NAME), None)
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        assert [(line["event"], line["errors"]) for line in lines()] == [("uncaught", ["ValueError"])] * 2

    def test_of_forgotten_tasks_lose_their_text(self, lines: Any) -> None:
        loop = asyncio.new_event_loop()
        loop.call_exception_handler({"message": f"Task of {NAME}", "exception": ValueError(NAME)})
        loop.close()
        (line,) = lines()
        assert (line["part"], line["errors"]) == ("asyncio", ["ValueError"])
        assert "template" not in line


class TestLibraries:
    def test_keep_the_template_and_lose_the_arguments(self, lines: Any) -> None:
        logging.getLogger("aiokafka.consumer").error("Failed for %s", NAME)
        (line,) = lines()
        assert (line["part"], line["level"], line["template"]) == ("aiokafka.consumer", "error", "Failed for %s")

    @pytest.mark.parametrize("library", ["aiokafka", "pymongo", "aiohttp.server", "uvicorn.error", "faststream"])
    def test_sentences_built_with_values_are_not_written(self, library: str, lines: Any) -> None:
        logging.getLogger(library).warning(f"Failed for {NAME}")
        logging.getLogger(library).warning("Failed for {}".format(NAME))  # noqa: UP032 - as a library would
        logging.getLogger(library).warning(ValueError(NAME))
        for line in lines():
            assert "template" not in line
            assert NAME not in json.dumps(line, ensure_ascii=False)

    def test_debug_and_info_are_not_written_at_all(self, lines: Any) -> None:
        library = logging.getLogger("pymongo.command")
        library.setLevel(logging.DEBUG)
        library.debug("Command %s", NAME)
        library.info("Command %s", NAME)
        assert lines() == []

    def test_handlers_of_their_own_are_taken_away(self, lines: Any) -> None:
        library = logging.getLogger("faststream.access.kafka")
        library.addHandler(logging.StreamHandler(sys.stderr))
        library.propagate = False
        logs.capture()
        library.error("%s", NAME)
        assert [line["part"] for line in lines()] == ["faststream.access.kafka"]

    def test_exceptions_lose_their_text(self, lines: Any) -> None:
        try:
            fail()
        except ValueError:
            logging.getLogger("aiohttp").exception("Unhandled")
        (line,) = lines()
        assert line["errors"] == ["ValueError"]
        assert NAME not in json.dumps(line, ensure_ascii=False)

    def test_what_was_written_down_where_it_was_raised_is_not_written_again(self, lines: Any) -> None:
        class Known(logs.AlreadyLogged):
            pass

        logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=Known())
        assert lines() == []

    def test_a_record_whose_arguments_do_not_fit_is_no_trouble(self, lines: Any) -> None:
        logs._Capture().handle(logging.LogRecord("aiohttp", logging.ERROR, __file__, 1, "%s %s", (NAME,), None))
        (line,) = lines()
        assert (line["part"], line["level"]) == ("aiohttp", "error")

    def test_warnings_keep_category_and_place(self, lines: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = logs._show_warning
            warnings.warn(f"bad value {NAME}", UserWarning, stacklevel=1)
        (line,) = lines()
        assert line["category"] == "UserWarning"
        assert NAME not in json.dumps(line, ensure_ascii=False)


class TestStream:
    def test_a_closed_one_does_not_fail_the_caller(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Closed:
            calls = 0

            def write(self, _: str) -> None:
                Closed.calls += 1
                raise BrokenPipeError

        monkeypatch.setattr(sys, "stdout", Closed())
        LOG.info("told")
        assert Closed.calls == 1

    def test_levels_below_the_wanted_one_are_not_written(self, lines: Any) -> None:
        LOG.debug("told")
        logs.setup("intake", "intake-1", "warning")
        LOG.info("told")
        LOG.warning("told")
        assert [line["level"] for line in lines()] == ["warning"]
