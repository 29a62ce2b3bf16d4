"""The scan: the flow, the controls, the search, the verdict."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import aiohttp

from deploy.rights.login import ADMIN, READER
from samples.world import World, load_setting
from samples.world.days import today_of
from verification.harness import topic_reader
from verification.harness.console import Screen
from verification.harness.folders import folder_of
from verification.harness.scenario import Scenario
from verification.leaks import people, sinks
from verification.leaks.faulty_system import FaultySystem
from verification.leaks.finder import Finder
from verification.leaks.flow import Flow, plant_in_answers
from verification.leaks.http_capture import HttpCapture
from verification.leaks.mailbox import mails
from verification.leaks.search_terms import Control, Controls, Hit, terms_of


@dataclass(frozen=True)
class Leak:
    """Something was found where it must not be. The value itself is not repeated."""

    sink: str
    kind: str
    encoding: str

    def __str__(self) -> str:
        return f"{self.kind} ({self.encoding}) in {self.sink}"


@dataclass(frozen=True)
class Verdict:
    """``leaks``: how often each was found (in how many answers, records, files). ``missed``: controls not found.
    ``uncontrolled``: sinks in which no control was planted, ``empty``: those in which nothing lay but the control, so
    that finding nothing there means nothing."""

    people: int
    bytes_of: dict[str, int]
    leaks: dict[Leak, int]
    controls: int
    missed: frozenset[Control]
    uncontrolled: frozenset[str]
    empty: frozenset[str]
    quiet: bool

    def result(self) -> dict[str, Any]:
        """The last line's object."""
        return {
            "people": self.people,
            "sinks": len(self.bytes_of),
            "hits": len(self.leaks),
            "controls": self.controls,
            "controls_found": self.controls - len(self.missed),
        }

    @property
    def well(self) -> bool:
        """Nothing leaked, and the search can see."""
        return not self.leaks and not self.missed and not self.uncontrolled and not self.empty and self.quiet


async def scan(number: int, seed: int, screen: Screen, keep: Path | None = None, *, kills: bool = True) -> Verdict:
    """Send so many planted people through everything, then search. Raises StartError, HubUnavailable."""
    setting = load_setting()
    world = World(setting, seed=seed, people=number, today=today_of(setting))
    people.plant(world)
    folder = folder_of("leaks", keep)
    system = FaultySystem(folder, setting)
    try:
        await system.start(screen.up)
        capture = HttpCapture(
            lambda port: next((name for name, one in system.services.items() if one.port == port), "elsewhere")
        )
        timeout, controls = aiohttp.ClientTimeout(total=60), Controls(seed)
        async with aiohttp.ClientSession(timeout=timeout, trace_configs=[capture.tracing()]) as session:
            scenario = Scenario(system, world, screen, session)
            try:
                flow = Flow(scenario, system, capture, session, kills)
                quiet = await flow.run()
                if not quiet:
                    await scenario.say_unfinished()
                empty = await empty_sinks(flow)
                await plant_in_answers(flow, controls)
            finally:
                scenario.databases.close()
        await system.stop_programs()
        await sinks.plant_in_topics(system.stack.login(ADMIN), controls, files=(system.stack.folder / "kafka").exists())
        await asyncio.to_thread(sinks.plant_in_databases, system.stack.mongo_url, controls)
        sinks.plant_in_files(system.folder, system.temporary, controls)
        await asyncio.to_thread(system.mailbox.plant, controls.blob(sinks.MAILS))
        screen.say("찾는 중", f"searching for {len(flow.planted)} values in 14 encodings")
        of_topics = await sinks.topics(system.stack.login(READER))
        contents = chain(
            *(capture.sinks(), of_topics, sinks.databases(system.stack.mongo_url), sinks.files(system.folder)),
            ((sinks.MAILS, part) for part in mails(system.mailbox.folder)),
        )
        finder = Finder(terms_of(flow.planted) | controls.terms())
        verdict = await asyncio.to_thread(search, finder, contents, controls, number, quiet)
        return replace(verdict, empty=empty)
    finally:
        await system.stop()
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


async def empty_sinks(flow: Flow) -> frozenset[str]:
    """Those of the channels to partners, of what the further doors answer, and of what is kept of withdrawals for
    nobody, that nothing has come to, before a control does."""
    found = {
        **{sink: sink in flow.capture.captured for sink in ("intake files", "intake mappings")},
        sinks.MAILS: any(flow.system.mailbox.folder.iterdir()),
        "references of intake": bool(await asyncio.to_thread(flow.scenario.databases.withdrawn_before)),
        sinks.DAILY_FILES: any(b"match" in answer for answer in flow.capture.captured.get(sinks.DAILY_FILES, ())),
    }
    if (own := flow.partner_topic) is not None:
        ends = await topic_reader.end_offsets(flow.system.stack.login(READER))
        found[sinks.topic_sink(own, "payloads")] = any(end for (topic, _), end in ends.items() if topic == own)
        found["an answer at Kafka to what was taken, and one to what was not"] = {"accepted", "refused"} <= set(
            flow.at_kafka
        )
    return frozenset(sink for sink, came in found.items() if not came)


def search(
    finder: Finder[Hit | Control], contents: Iterable[sinks.Content], controls: Controls, number: int, quiet: bool
) -> Verdict:
    """Look through everything. A control counts only in the sink that it was planted in."""
    leaks: Counter[Leak] = Counter()
    size: Counter[str] = Counter()
    missing = set(controls.terms().values())
    for sink, data in contents:
        size[sink] += len(data)
        for found in finder.find(data):
            if isinstance(found, Control):
                if found.sink == sink:
                    missing.discard(found)
            elif not sinks.may_be_there(sink, found):
                leaks[Leak(sink, found.kind, found.encoding)] += 1
    total = len(controls.terms())
    missed = frozenset(each for each in missing if isinstance(each, Control))
    uncontrolled = frozenset(size.keys() - set(controls.sinks))
    return Verdict(number, dict(size), dict(leaks), total, missed, uncontrolled, frozenset(), quiet)


def report_lines(verdict: Verdict) -> Iterator[str]:
    """What a reader wants to know besides the last line; no value."""
    for sink, count in sorted(verdict.bytes_of.items()):
        yield f"{sink:40} {count:>12,} bytes"
    for leak, times in sorted(verdict.leaks.items(), key=lambda each: str(each[0])):
        yield f"LEAK: {leak}, {times} times"
    for control in sorted(verdict.missed, key=str):
        yield f"NOT FOUND: the control in {control.encoding} of {control.sink}"
    for sink in sorted(verdict.uncontrolled):
        yield f"NO CONTROL in {sink}"
    for sink in sorted(verdict.empty):
        yield f"NOTHING CAME to {sink}"
