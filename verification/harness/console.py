"""What a newcomer sees: one line for each thing that happens, Korean first. No name and no reference is shown."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from samples.world import Chapter
from verification.harness.senders import Outcome

NAMES = {
    "stack": ("브로커와 데이터베이스", "broker and database"),
    "intake": ("접수", "intake"),
    "matching": ("맞추기", "matching"),
    "notifications": ("알림", "notifications"),
    "feed": ("방화벽 뒤의 기관", "the partner behind a firewall"),
    "webhook": ("웹훅을 쓰는 기관", "the partner with a webhook"),
    "broker": ("브로커", "the broker"),
    "database": ("데이터베이스", "the database"),
}


class Screen:
    """Prints lines; works in a terminal and in a log file alike."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._began = time.monotonic()

    def say(self, ko: str, en: str, style: str = "") -> None:
        """One thing in two languages."""
        moment = f"[dim]{time.monotonic() - self._began:5.1f}s[/dim] "
        text = f"{escape(ko)}  [dim]{escape(en)}[/dim]"
        self.console.print(moment + (f"[{style}]{text}[/{style}]" if style else text))

    def up(self, name: str) -> None:
        """A part answers."""
        ko, en = NAMES[name]
        self.say(f"{ko} 준비됨", f"{en} is up", "green")

    def again(self, name: str) -> None:
        """A part died and was started again."""
        ko, en = NAMES[name]
        self.say(f"{ko} 다시 시작함", f"{en} was started again", "yellow")

    def killed(self, name: str) -> None:
        """A part is killed on purpose."""
        ko, en = NAMES[name]
        self.say(f"{ko}을(를) 일부러 죽입니다 (kill -9)", f"killing {en} on purpose", "bold red")

    def chapter(self, chapter: Chapter) -> None:
        """A part of the day begins."""
        self.console.print()
        ko, en = (chapter.title.get(language, "") for language in ("ko", "en"))
        self.say(f"── {ko}: {len(chapter.items)}건", f"{en}: {len(chapter.items)} events", "bold")

    def chapter_end(self, accepted: int, refused: int) -> None:
        """How the door answered."""
        self.say(f"   접수 {accepted} · 반려 {refused}", f"accepted {accepted}, refused {refused}")

    def refused(self, outcome: Outcome) -> None:
        """What was refused, by which rule, and what to do about it."""
        problem = outcome.problem
        mistake = f" ({outcome.item.mistake.name})" if outcome.item.mistake else ""
        kind = outcome.item.event["type"]
        rule = problem.get("rule") or f"{problem['status']} {problem['title']}"
        self.say(f"   반려  {kind}: {rule}", f"refused at {problem.get('field', '/')}{mistake}", "red")
        remedy = problem.get("remedy") or {"en": "?"}
        ko, *others = remedy.values() if isinstance(remedy, Mapping) else (remedy,)
        self.say(f"         → {ko}", " / ".join(others))

    def match(self, title: str, match: Mapping[str, Any]) -> None:
        """A match, and why."""
        self.say(
            f"   맞음  {title}  {match['score']:.2f} ({match['band']}, {match['state']})",
            f"matched, {match['kind']}",
            "cyan",
        )
        self.reasons(match["reasons"])
        for question in match.get("questions", ()):
            ko, en = both(question["text"])
            self.say(f"           ? {ko}", en, "yellow")

    def vetted(self, title: str, verdict: str, reason: str) -> None:
        """An advert that is held or refused, and why: it is proposed to nobody."""
        ko = {"held": "보류", "refused": "거절"}.get(verdict, verdict)
        self.say(f"   {ko}  {title} ({reason})", f"{verdict}: proposed to nobody, recalled where it was told", "yellow")

    def somebody(self, agency: str, matches: int) -> None:
        """Whose matches follow: said by nothing but the agency that brought them."""
        self.say(
            f"   {agency} 상담 창에서 본 한 사람: 맞는 자리 {matches}", f"one person as {agency} sees them: {matches}"
        )

    def recalled(self, partner: str, before: int, after: int) -> None:
        """What a partner held about one person before and after the consent was withdrawn."""
        ko = f"   동의 철회한 한 사람에 대해 {partner}이(가) 가진 것: {before} → {after}"
        self.say(ko, f"what {partner} holds about one who withdrew: {before} → {after}", "bold")

    def reasons(self, reasons: Iterable[Mapping[str, Any]]) -> None:
        """Each factor with what it adds."""
        for reason in reasons:
            ko, en = both(reason["text"])
            self.say(f"           +{reason['contribution']:.2f} {ko}", en)

    def partners(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """How much each partner was told."""
        for partner, count in counts.items():
            ko, en = NAMES[partner]
            self.say(
                f"   {ko}: 알림 {count['told']} · 확인 {count['acknowledged']} · 회수 {count['recalled']}",
                f"{en}: told {count['told']}, acknowledged {count['acknowledged']}, recalled {count['recalled']}",
                "magenta",
            )


def both(text: Mapping[str, str]) -> tuple[str, str]:
    """A sentence in the pack's first and last language."""
    sentences = list(text.values())
    return sentences[0], sentences[-1]
