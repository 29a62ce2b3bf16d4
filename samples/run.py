"""`make run`: everything on this machine, live, until Ctrl-C. Every further run sends the next day.

Data, keys and the partners' books stay in `.data` (or DATA=). The embedded broker forgets its log when it stops; the
services publish it again from their databases, so nothing is lost by that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp

from deploy.local.errors import StartError
from deploy.local.folder import data_folder
from deploy.local.ports import KAFKA_PORT, MONGO_PORT
from samples.world import World, load_setting
from samples.world.days import today_of
from verification.harness.console import Screen
from verification.harness.folders import lacking
from verification.harness.oracle_check import judge
from verification.harness.scenario import CANDIDATES, Scenario
from verification.harness.senders import HubUnavailable
from verification.harness.system import Ports, System
from verification.harness.violations import violations

PATIENCE = 120.0  # seconds for everything to have happened


@dataclass
class RunState:
    """What a run leaves for the next one: which world, how many days were sent, what the openings are called."""

    seed: int = 1
    people: int = 120
    pack: str = "kr-gyeonggi"
    days: int = 0
    titles: dict[str, str] = field(default_factory=dict)
    somebody: list[str] = field(default_factory=list)  # an agency, and its alias of a person who had matches

    @staticmethod
    def of(path: Path, seed: int, people: int) -> RunState:
        """The one that is kept, else a new one."""
        return RunState(**json.loads(path.read_text())) if path.exists() else RunState(seed, people)

    def write(self, path: Path) -> None:
        """Keep it."""
        half = path.with_name(f".{path.name}.half")
        half.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1))
        half.replace(path)


async def run(folder: Path, seed: int, people: int, screen: Screen) -> None:
    """Until cancelled. Raises StartError, HubUnavailable."""
    path = folder / "run_state.json"
    run_state = RunState.of(path, seed, people)
    setting = load_setting(run_state.pack)
    environment = os.environ.get
    kafka, mongo = (int(environment(n) or p) for n, p in (("KAFKA_PORT", KAFKA_PORT), ("MONGO_PORT", MONGO_PORT)))
    system = System(folder, setting, Ports.usual(kafka, mongo), screen.again)
    all_known = system.keyring.is_new  # later days build on events that nobody kept for the oracle
    try:
        await system.start(screen.up)
        world = World(setting, seed=run_state.seed, people=run_state.people, today=today_of(setting))
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            scenario = Scenario(system, world, screen, session)
            scenario.ledger.titles |= run_state.titles
            try:
                quiet = await _day(scenario, run_state.days + 1)
                await violations(scenario, quiet, await asyncio.to_thread(judge, scenario) if all_known else None)
                run_state.days += 1
                run_state.titles = scenario.ledger.titles
                asked = await match_to_ask_about(scenario, run_state)
                run_state.write(path)
                _signposts(system, screen, asked)
                await scenario.watch()
            finally:
                scenario.databases.close()
    finally:
        screen.say("모두 멈춥니다", "stopping everything")
        await system.stop()


async def _day(scenario: Scenario, number: int) -> bool:
    """The next day of this world, and what follows from it. Whether all became quiet in time."""
    screen, quiet = scenario.screen, True
    if number > 1:
        screen.say(f"지난 기록을 이어 갑니다: {number}일째", f"going on with what was kept: day {number}", "green")
    await scenario.register()  # the same again is a duplicate, and says so
    await scenario.system.start_partners(screen.up)
    watching = asyncio.create_task(scenario.watch())
    try:
        for chapter in scenario.world.day(number):
            if chapter.name == "withdrawals":
                quiet = await scenario.until_quiet(PATIENCE)
                await scenario.show_somebody()
                quiet = await scenario.withdraw(chapter, PATIENCE) and quiet
            else:
                await scenario.send_chapter(chapter)
                if chapter.name == "openings":
                    await scenario.vet(number)
        quiet = await scenario.until_quiet(PATIENCE) and quiet
        if number > 1:
            await scenario.show_somebody()
    finally:
        watching.cancel()
    screen.partners(scenario.counts())
    if not quiet:
        await scenario.say_unfinished()
    return quiet


async def match_to_ask_about(scenario: Scenario, run_state: RunState) -> tuple[str, str, str] | None:
    """An agency, its alias of somebody who has matches, and an opening that is none of them; None without any.

    Whoever was found is kept in the run's state: on later days nobody new comes.
    """
    for (agency, _), alias in sorted(scenario.ledger.aliases.items())[:CANDIDATES]:
        if await scenario.matches(agency, alias):
            run_state.somebody = [agency, alias]
            break
    if not run_state.somebody:
        return None
    agency, alias = run_state.somebody
    matched = {match["opportunity"] for match in await scenario.matches(agency, alias)}
    other = next((opening for opening in sorted(scenario.ledger.titles) if opening not in matched), None)
    return None if other is None else (agency, alias, other)


def _signposts(system: System, screen: Screen, asked: tuple[str, str, str] | None) -> None:
    """Where everything is."""
    print_ = screen.console.print
    feed = system.setting.partners.feed
    print_("\n[bold]다음은  Where to look[/bold]")
    for name, service in system.services.items():
        print_(f"  {name:14} {service.url}/docs   {service.url}/openapi.json   {service.url}/metrics")
    tokens = f"DATA={system.folder} {sys.executable} -m verification.harness.keyring"
    token = f"$({tokens} {feed})"
    print_(f'  the feed       curl -H "Authorization: Bearer {token}" {system.services["notifications"].url}/feed')
    admin = f"$({tokens} {system.setting.admin.agency})"
    print_(f'  what was refused  curl -H "Authorization: Bearer {admin}" {system.services["intake"].url}/rejections')
    if asked is not None:
        agency, alias, opening = asked
        token, url = f"$({tokens} {agency})", system.services["matching"].url
        print_(
            f'  why not this one  curl -H "Authorization: Bearer {token}" {url}/people/{alias}/opportunities/{opening}'
        )
    print_(f"  partners' books   {system.folder / 'partners'}     logs   {system.logs}")
    passwords = "no passwords"
    if system.stack.broker.users:
        passwords = "Kafka's passwords in stack/kafka/users.json"
        file = system.stack.folder / "kafka" / "admin.env"
        add = f"{sys.executable} -m deploy.rights.agency add {feed} --out {feed}.password"
        print_(f"  door on Kafka     (set -a; . {file}; {add})     {system.services['intake'].url}/doors/kafka")
    print_(f"  KAFKA={system.stack.kafka}  MONGO_URL={system.stack.mongo_url}  (loopback only, {passwords})")
    print_("[bold]Ctrl-C[/bold] 로 모두 멈춥니다  stops everything\n")


async def _until_told(folder: Path, seed: int, people: int) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await run(folder, seed, people, Screen())
    except asyncio.CancelledError:
        print("stopped")


def main(arguments: list[str] | None = None) -> int:
    """0 after a clean stop, 2 when it could not run (said in words)."""
    parser = argparse.ArgumentParser(
        prog="python -m samples.run",
        description="Everything on this machine, live, until Ctrl-C. Every further run sends the next day.",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=data_folder(),
        help="folder of databases, keys and partners' books; kept from run to run (or DATA=; %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of a new world (%(default)s); one that is kept goes on")
    parser.add_argument("--people", type=int, default=120, help="how many in a new world (%(default)s)")
    given = parser.parse_args(arguments)
    if found := lacking(given.data):
        print(*found, sep="\n", file=sys.stderr)
        return 2
    try:
        asyncio.run(_until_told(given.data, given.seed, given.people))
    except (StartError, HubUnavailable) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
