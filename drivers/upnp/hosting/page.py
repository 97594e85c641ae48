"""The presentation page: what this is, what appliances asked of it, and where the household's own page is.

Anybody in the home network may read it: it has names and times of appliances, and nothing that lets one act.
"""

from collections.abc import Iterable
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from heg.model.appliances import Registration, RequestKind, RequestState

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}th,td{text-align:left;padding:.25rem 1rem .25rem 0}"
)
_WHAT = {RequestKind.WAKE_UP: "be woken", RequestKind.NO_STANDBY: "not be put to standby"}
_STATES = {RequestState.REGISTERED: "waits for its time", RequestState.IN_FORCE: "in force"}


def page(unit: str, registrations: Iterable[tuple[str, Registration]], time_zone: str, app: str) -> bytes:
    """Print the page. `app` is the address of the household's page; empty where the home network is not let in."""
    zone = ZoneInfo(time_zone)
    rows = "".join(_row(name, one, zone) for name, one in sorted(registrations, key=lambda item: item[1].start))
    table = (
        "<table><thead><tr><th>Appliance</th><th>asked to</th><th>when</th><th></th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
        if rows
        else "<p>No appliance has asked for anything.</p>"
    )
    way = (
        f"<p><a href='{escape(app)}'>The household's page</a></p>"
        if app
        else "<p>The household's page is on the gateway's own machine only.</p>"
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Home energy gateway ({escape(unit)})</title>"
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>Home energy gateway ({escape(unit)})</h1>"
        "<p>It finds the appliances of this house over UPnP, plans when they work, and switches or wakes them. An "
        "appliance may ask it to be woken at a time, or not to be put to standby for a while.</p>"
        f"{way}<h2>What appliances asked for</h2>{table}<p>Times are those of {escape(time_zone)}.</p></body></html>\n"
    ).encode()


def _row(name: str, one: Registration, zone: ZoneInfo) -> str:
    when = _clock(one.start, zone) + ("" if one.stop is None else f" to {_clock(one.stop, zone)}")
    cells = (name, _WHAT[one.kind], when, _STATES.get(one.state, ""))
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
