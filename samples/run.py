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

from deploy.embedded.doctor import findings
from deploy.embedded.errors import StartError
from deploy.embedded.ports import KAFKA_PORT, MONGO_PORT
from samples.demo import DATA
from samples.play import Play
from samples.stage.screen import Screen
from samples.stage.senders import HubAway
from samples.stage.stage import Ports, Stage
from samples.world import World, load_setting
from samples.world.days import today_of

PATIENCE = 120.0  # seconds for everything to have happened


@dataclass
class Diary:
    """What a run leaves for the next one: which world, how many days were sent, what the openings are called."""

    seed: int = 1
    people: int = 120
    pack: str = "kr-gyeonggi"
    days: int = 0
    titles: dict[str, str] = field(default_factory=dict)

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
    try:
        await stage.start(screen.up)
        world = World(setting, seed=diary.seed, people=diary.people, today=today_of(setting))
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            play = Play(stage, world, screen, session)
            play.ledger.titles |= diary.titles
            try:
                await _day(play, diary.days + 1)
                diary.days += 1
                diary.titles = play.ledger.titles
                diary.write(path)
                _signposts(stage, screen)
                await play.watch()
            finally:
                play.inside.close()
    finally:
        screen.say("모두 멈춥니다", "stopping everything")
        await stage.stop()


async def _day(play: Play, number: int) -> None:
    """The next day of this world, and what follows from it."""
    screen = play.screen
    if number > 1:
        screen.say(f"지난 기록을 이어 갑니다: {number}일째", f"going on with what was kept: day {number}", "green")
    await play.register()  # the same again is a duplicate, and says so
    await play.stage.start_partners(screen.up)
    watching = asyncio.create_task(play.watch())
    try:
        for chapter in play.world.day(number):
            if chapter.name == "withdrawals":
                await play.until_quiet(PATIENCE)
                await play.show_somebody()
                await play.withdraw(chapter, PATIENCE)
            else:
                await play.act(chapter)
        await play.until_quiet(PATIENCE)
        if number > 1:
            await play.show_somebody()
    finally:
        watching.cancel()
    screen.partners(play.counts())


def _signposts(stage: Stage, screen: Screen) -> None:
    """Where everything is."""
    print_ = screen.console.print
    feed = stage.setting.partners.feed
    print_("\n[bold]다음은  Where to look[/bold]")
    for name, service in stage.services.items():
        print_(f"  {name:14} {service.url}/docs   {service.url}/openapi.json   {service.url}/metrics")
    tokens = f"DATA={stage.folder} {sys.executable} -m samples.stage.keyring"
    token = f"$({tokens} {feed})"
    print_(f'  the feed       curl -H "Authorization: Bearer {token}" {stage.services["notifications"].url}/feed')
    admin = f"$({tokens} {stage.setting.admin.agency})"
    print_(f'  what was refused  curl -H "Authorization: Bearer {admin}" {stage.services["intake"].url}/rejections')
    print_(f"  partners' books   {stage.folder / 'partners'}     logs   {stage.logs}")
    print_(f"  KAFKA={stage.pair.kafka}  MONGO_URL={stage.pair.mongo_url}  (loopback only, no passwords)")
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
    parser = argparse.ArgumentParser(prog="python -m samples.run")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DATA") or DATA))
    parser.add_argument("--seed", type=int, default=1, help="of a new world; one that is kept goes on")
    parser.add_argument("--people", type=int, default=120)
    given = parser.parse_args(arguments)
    if found := findings(given.data, {}):
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
