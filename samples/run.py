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
from verification.harness.folders import lacking
from verification.harness.judgement import judge
from verification.harness.scenario import CANDIDATES, Play
from verification.harness.screen import Screen
from verification.harness.senders import HubAway
from verification.harness.system import Ports, Stage
from verification.harness.violations import troubles

PATIENCE = 120.0  # seconds for everything to have happened


@dataclass
class Diary:
    """What a run leaves for the next one: which world, how many days were sent, what the openings are called."""

    seed: int = 1
    people: int = 120
    pack: str = "kr-gyeonggi"
    days: int = 0
    titles: dict[str, str] = field(default_factory=dict)
    somebody: list[str] = field(default_factory=list)  # an agency, and its alias of a person who had matches

    @staticmethod
    def of(path: Path, seed: int, people: int) -> Diary:
        """The one that is kept, else a new one."""
        return Diary(**json.loads(path.read_text())) if path.exists() else Diary(seed, people)

    def write(self, path: Path) -> None:
        """Keep it."""
        half = path.with_name(f".{path.name}.half")
        half.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1))
        half.replace(path)


async def run(folder: Path, seed: int, people: int, screen: Screen) -> None:
    """Until cancelled. Raises StartError, HubAway."""
    path = folder / "diary.json"
    diary = Diary.of(path, seed, people)
    setting = load_setting(diary.pack)
    environment = os.environ.get
    kafka, mongo = (int(environment(n) or p) for n, p in (("KAFKA_PORT", KAFKA_PORT), ("MONGO_PORT", MONGO_PORT)))
    stage = Stage(folder, setting, Ports.usual(kafka, mongo), screen.again)
    all_known = stage.keyring.is_new  # later days build on events that nobody kept for the oracle
    try:
        await stage.start(screen.up)
        world = World(setting, seed=diary.seed, people=diary.people, today=today_of(setting))
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            play = Play(stage, world, screen, session)
            play.ledger.titles |= diary.titles
            try:
                quiet = await _day(play, diary.days + 1)
                await troubles(play, quiet, await asyncio.to_thread(judge, play) if all_known else None)
                diary.days += 1
                diary.titles = play.ledger.titles
                asked = await match_to_ask_about(play, diary)
                diary.write(path)
                _signposts(stage, screen, asked)
                await play.watch()
            finally:
                play.inside.close()
    finally:
        screen.say("모두 멈춥니다", "stopping everything")
        await stage.stop()


async def _day(play: Play, number: int) -> bool:
    """The next day of this world, and what follows from it. Whether all became quiet in time."""
    screen, quiet = play.screen, True
    if number > 1:
        screen.say(f"지난 기록을 이어 갑니다: {number}일째", f"going on with what was kept: day {number}", "green")
    await play.register()  # the same again is a duplicate, and says so
    await play.stage.start_partners(screen.up)
    watching = asyncio.create_task(play.watch())
    try:
        for chapter in play.world.day(number):
            if chapter.name == "withdrawals":
                quiet = await play.until_quiet(PATIENCE)
                await play.show_somebody()
                quiet = await play.withdraw(chapter, PATIENCE) and quiet
            else:
                await play.act(chapter)
        quiet = await play.until_quiet(PATIENCE) and quiet
        if number > 1:
            await play.show_somebody()
    finally:
        watching.cancel()
    screen.partners(play.counts())
    if not quiet:
        await play.say_unfinished()
    return quiet


async def match_to_ask_about(play: Play, diary: Diary) -> tuple[str, str, str] | None:
    """An agency, its alias of somebody who has matches, and an opening that is none of them; None without any.

    Whoever was found is kept in the diary: on later days nobody new comes.
    """
    for (agency, _), alias in sorted(play.ledger.aliases.items())[:CANDIDATES]:
        if await play.matches(agency, alias):
            diary.somebody = [agency, alias]
            break
    if not diary.somebody:
        return None
    agency, alias = diary.somebody
    matched = {match["opportunity"] for match in await play.matches(agency, alias)}
    other = next((opening for opening in sorted(play.ledger.titles) if opening not in matched), None)
    return None if other is None else (agency, alias, other)


def _signposts(stage: Stage, screen: Screen, asked: tuple[str, str, str] | None) -> None:
    """Where everything is."""
    print_ = screen.console.print
    feed = stage.setting.partners.feed
    print_("\n[bold]다음은  Where to look[/bold]")
    for name, service in stage.services.items():
        print_(f"  {name:14} {service.url}/docs   {service.url}/openapi.json   {service.url}/metrics")
    tokens = f"DATA={stage.folder} {sys.executable} -m verification.harness.keyring"
    token = f"$({tokens} {feed})"
    print_(f'  the feed       curl -H "Authorization: Bearer {token}" {stage.services["notifications"].url}/feed')
    admin = f"$({tokens} {stage.setting.admin.agency})"
    print_(f'  what was refused  curl -H "Authorization: Bearer {admin}" {stage.services["intake"].url}/rejections')
    if asked is not None:
        agency, alias, opening = asked
        token, url = f"$({tokens} {agency})", stage.services["matching"].url
        print_(
            f'  why not this one  curl -H "Authorization: Bearer {token}" {url}/people/{alias}/opportunities/{opening}'
        )
    print_(f"  partners' books   {stage.folder / 'partners'}     logs   {stage.logs}")
    passwords = "Kafka's passwords in stack/kafka/users.json" if stage.stack.broker.users else "no passwords"
    print_(f"  KAFKA={stage.stack.kafka}  MONGO_URL={stage.stack.mongo_url}  (loopback only, {passwords})")
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
    except (StartError, HubAway) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
