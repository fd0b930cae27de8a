"""One event on one page: what the worker told of it, with what Functions printed while they had it."""

from pathlib import Path
from typing import Any

import orjson

_MOST_LINES = 50
_UNRECORDED = {True: "", False: ", not recorded"}


def with_logs(answer: dict[str, Any], data_dir: Path) -> dict[str, Any]:
    """Return the answer with the log lines of Functions that got the event, where this machine has them."""
    for row in answer["subscriptions"]:
        function = row.get("function")
        if function is not None and row["matched"]:
            row["log"] = lines_of(data_dir, function["scope"], function["name"], answer["event"]["id"])
    return answer


def lines_of(data_dir: Path, scope: str, name: str, event_id: str) -> list[dict[str, Any]]:
    """Return what a Function printed while it worked on an event, oldest first; the newest lines of many."""
    from hub.functions.runtime.deployment import log_file

    path = log_file(data_dir, scope, name)
    found: list[dict[str, Any]] = []
    for file in (path.with_name(path.name + ".1"), path):
        try:
            with file.open("rb") as lines:
                found += [parsed for line in lines if event_id.encode() in line and (parsed := _parsed(line, event_id))]
        except OSError:
            continue
    return found[-_MOST_LINES:]


def _parsed(line: bytes, event_id: str) -> dict[str, Any] | None:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) and record.get("event") == event_id else None


def page_of(answer: dict[str, Any]) -> str:
    """Return the page for people."""
    event, accepted, stored = answer["event"], answer["accepted"], answer["stored"]
    how = f", as {accepted['how']}" if accepted["how"] else ""
    lines = [
        f"event     {event['id']}",
        f"type      {event['type']}",
        f"accepted  {accepted['at']} from {accepted['by']}{how}",
        f"stored    {stored['stream']} {stored['sequence']} ({stored['durability']}), {event['size']} bytes",
    ]
    lines += [f"trace     {accepted['trace']}{_UNRECORDED[accepted['recorded']]}"] if accepted["trace"] else []
    rows = answer["subscriptions"]
    wanted = [row for row in rows if row["matched"]]
    lines += ["", "No Subscription wants it."] if not wanted else []
    for row in wanted:
        lines += ["", *_of_subscription(row)]
    passed = [row for row in rows if not row["matched"]]
    if passed:
        lines += ["", "not for"]
        lines += [f"  {row['scope']}/{row['subscription']}: {row['text']}" for row in passed]
    return "\n".join([*lines, *(f"\n{text}" for text in answer["incomplete"])])


def _of_subscription(row: dict[str, Any]) -> list[str]:
    lines = [f"{row['scope']}/{row['subscription']}  {row['state']}  → {row['sink']}", f"  {row['text']}"]
    for delivery in row["deliveries"]:
        if delivery["origin"] != "accepted":
            by = f" by {delivery['by']}" if delivery["by"] else ""
            lines.append(f"  replayed {delivery['at']}{by} from {delivery['origin']}, stored as {delivery['sequence']}")
        lines += [_of_attempt(attempt) for attempt in delivery["attempts"]]
    return lines + [f"  log {line.get('time', '')} {line.get('text', '')}" for line in row.get("log", [])]


def _of_attempt(attempt: dict[str, Any]) -> str:
    seconds = f"{attempt['seconds'] * 1000:.0f} ms" if isinstance(attempt["seconds"], int | float) else "-"
    status = attempt["status"] if attempt["status"] is not None else "no answer"
    parts = [f"  attempt {attempt['attempt']}  {attempt['at']}  {status}  {seconds}  {attempt['outcome']}"]
    parts += [attempt["error"]] if attempt["error"] else []
    parts += [f"next {attempt['next_at']}"] if attempt["next_at"] else []
    excerpt = " ".join(str(attempt["excerpt"] or "").split())
    return "  ".join(parts) + (f"\n    {excerpt[:200]}" if excerpt else "")
