"""Learning curves of a log as one picture."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image, ImageDraw

_PANELS = (
    ("loss", ("loss",)),
    ("IoU while training", ("iou", "track_iou")),
    ("held-out Dice (medians)", ("key_dice", "volume_dice", "volume_dice_lower_quartile")),
    ("held-out shares", ("key_empty", "ends")),
)
_COLOURS = ("#1f5fbf", "#c8501e", "#2c8a4b")
_W, _H, _M = 460, 260, 40


def read_log(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()] if path.exists() else []


def smoothed(points: list[tuple[float, float]], window: int) -> list[tuple[float, float]]:
    """Means of consecutive runs of points."""
    runs = [points[i : i + window] for i in range(0, len(points), window)]
    return [(sum(x for x, _ in r) / len(r), sum(y for _, y in r) / len(r)) for r in runs]


def _panel(draw: ImageDraw.ImageDraw, left: int, top: int, title: str, lines: dict[str, list[tuple[float, float]]]) -> None:
    draw.text((left + _M, top + 6), title, fill="black")
    points = [p for line in lines.values() for p in line]
    if not points:
        return
    x1 = max(max(x for x, _ in points), 1)
    low, high = min(y for _, y in points), max(y for _, y in points)
    if 0 <= low and high <= 1:
        low, high = 0.0, 1.0
    span = max(high - low, 1e-6)
    x_at = lambda x: left + _M + x / x1 * (_W - 2 * _M)  # noqa: E731
    y_at = lambda y: top + _H - _M - (y - low) / span * (_H - 2 * _M)  # noqa: E731
    for i in range(5):
        y = low + span * i / 4
        draw.line([(x_at(0), y_at(y)), (x_at(x1), y_at(y))], fill="#dddddd")
        draw.text((left + 4, y_at(y) - 5), f"{y:.2f}", fill="black")
    draw.text((x_at(x1) - 40, top + _H - _M + 6), f"step {int(x1)}", fill="black")
    for i, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        if len(line) > 1:
            draw.line([(x_at(x), y_at(y)) for x, y in line], fill=colour, width=2)
        draw.text((left + _M + 130 * i, top + _H - 16), name, fill=colour)


def draw_curves(log: Path, out: Path) -> None:
    """Write the PNG of a log.jsonl."""
    rows = read_log(log)
    picture = Image.new("RGB", (2 * _W, 2 * _H), "white")
    draw = ImageDraw.Draw(picture)
    for i, (title, names) in enumerate(_PANELS):
        lines = {}
        for name in names:
            points = [(row["step"], row[name]) for row in rows if name in row]
            if points:
                lines[name] = smoothed(points, max(1, len(points) // 120))
        _panel(draw, i % 2 * _W, i // 2 * _H, title, lines)
    picture.save(out)
