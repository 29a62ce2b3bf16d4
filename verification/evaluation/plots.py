"""Plots as SVG, by hand: points in rows, and lines. No library, so that a page of the repository can show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ("#1b5e9b", "#c4501b", "#3c7d3c", "#7a4a9c", "#8a8a8a", "#b89000")
SHAPES = ("circle", "square", "diamond")
LABELS, WIDTH, ROW, TOP = 190, 520, 22, 56
SIDE = 300
STEPS = 150  # of a curve: more cannot be seen


def points(title: str, rows: Sequence[tuple[str, Mapping[str, float]]], most: float) -> str:
    """A row for each name with a point for each series, on a scale from 0 to ``most``."""
    series = list(dict.fromkeys(name for _, values in rows for name in values))
    bottom = TOP + ROW * len(rows)
    parts = [_text(4, 16, title, bold=True), *_legend(series, 36)]
    for tick in range(6):
        x = LABELS + WIDTH * tick / 5
        parts.append(_line(x, TOP - 6, x, bottom, "#dddddd"))
        parts.append(_text(x, bottom + 14, f"{most * tick / 5:.2g}", anchor="middle"))
    for place, (name, values) in enumerate(rows):
        y = TOP + ROW * place + 8
        parts.append(_text(LABELS - 8, y + 4, name, anchor="end"))
        parts += [
            _mark(series.index(one), LABELS + WIDTH * min(1.0, max(0.0, value / most)), y)
            for one, value in values.items()
        ]
    return _page(LABELS + WIDTH + 20, bottom + 24, parts)


def shares(title: str, series: Mapping[str, Sequence[float]]) -> str:
    """Lorenz curves: which part of all the smaller share of openings gets; the diagonal is an even spread."""
    left, top = 40, 56
    parts = [_text(4, 16, title, bold=True), *_legend(list(series), 36)]
    parts.append(_line(left, top + SIDE, left + SIDE, top, "#bbbbbb"))
    parts.append(f'<rect x="{left}" y="{top}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#bbbbbb"/>')
    for number, values in enumerate(series.values()):
        ordered, total, so_far, path = sorted(values), sum(values) or 1.0, 0.0, [(0.0, 0.0)]
        step = max(1, len(ordered) // STEPS)
        for place, value in enumerate(ordered, 1):
            so_far += value
            if place % step == 0 or place == len(ordered):
                path.append((place / len(ordered), so_far / total))
        drawn = " ".join(f"{left + SIDE * x:.1f},{top + SIDE * (1 - y):.1f}" for x, y in path)
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return _page(max(left + SIDE + 20, 420), top + SIDE + 16, parts)


def _legend(names: Sequence[str], y: float) -> list[str]:
    parts, x = [], 10.0
    for number, name in enumerate(names):
        parts += [_mark(number, x, y - 4), _text(x + 9, y, name)]
        x += 26 + 6.6 * len(name)
    return parts


def _mark(number: int, x: float, y: float) -> str:
    """Series differ in shape as well, for who does not see colours."""
    fill = f'fill="{COLOURS[number % len(COLOURS)]}"'
    match SHAPES[number % len(SHAPES)]:
        case "circle":
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" {fill}/>'
        case "square":
            return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" {fill}/>'
        case _:
            return f'<path d="M{x:.1f} {y - 5.5:.1f}l5.5 5.5l-5.5 5.5l-5.5 -5.5z" {fill}/>'


def _line(x: float, y: float, to_x: float, to_y: float, colour: str) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def _page(width: float, height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" '
    ground = f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>'
    return "\n".join([head + f'width="{width:.0f}" font-size="11.5">', ground, *parts, "</svg>", ""])
