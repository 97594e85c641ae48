"""Tariffs are data: a template file says what most contracts of a kind share, the owner says what differs. Pure.

A template is a TOML file in `drivers/feeds/tariffs/` with a `title` and the tables of `[feeds.tariff]`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from drivers.feeds.config import (
    BillingSection,
    Co2Section,
    ExportSection,
    ImportSection,
    PeakSection,
    TariffSection,
)

_SOURCES = {
    "import": ("eur_per_kwh", "bands", "column", "market"),
    "export": ("eur_per_kwh", "bands", "column", "market"),
    "co2": ("eur_per_kwh", "kg_per_kwh", "column", "column_kg"),
}
_FOLDER = Path(__file__).parent / "tariffs"
_OF_BANDS = "otherwise_eur_per_kwh"


def template_names() -> tuple[str, ...]:
    """The templates there are."""
    names = (entry.name for entry in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def template(name: str) -> dict[str, Any]:
    """A template's tables. ValueError names those that exist."""
    if name not in template_names():
        raise ValueError(f"tariff template {name!r}: expected one of {', '.join(template_names())}")
    text = (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def completed(tariff: TariffSection) -> TariffSection:
    """The tariff, its template's word where the owner said nothing. ValueError for a price said twice or not at all."""
    base = template(tariff.template) if tariff.template else {}
    tables: dict[str, Any] = {}
    sections = {"import": tariff.import_, "export": tariff.export, "co2": tariff.co2}
    for price, section in sections.items():
        said = {} if section is None else _said(section)
        laid = _over(base.get(price, {}), said, _SOURCES[price])
        if laid:
            _check(price, laid, has_file=tariff.csv is not None)
            tables[price] = laid
    if tariff.csv is None and "import" not in tables:
        raise ValueError(
            "[feeds.tariff]: expected what energy costs: template = ..., [feeds.tariff.import] or [feeds.tariff.csv]"
        )
    for table in ("billing", "peak"):
        section = getattr(tariff, table)
        if section is not None or table in base:
            tables[table] = {**base.get(table, {}), **({} if section is None else _said(section))}
    whole: TariffSection = msgspec.structs.replace(
        tariff,
        billing=_section(tables, "billing", BillingSection),
        peak=_section(tables, "peak", PeakSection),
        holidays=tariff.holidays or tuple(base.get("holidays", ())),
        import_=_section(tables, "import", ImportSection),
        export=_section(tables, "export", ExportSection),
        co2=_section(tables, "co2", Co2Section),
    )
    return whole


def _section(tables: Mapping[str, Any], price: str, type_: type[Any]) -> Any:
    return msgspec.convert(tables[price], type_) if price in tables else None


def _said(section: msgspec.Struct) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(section)
    return {key: value for key, value in plain.items() if value is not None and value not in ((), [])}


def _over(base: Mapping[str, Any], said: Mapping[str, Any], sources: tuple[str, ...]) -> dict[str, Any]:
    """The owner's keys over the template's; another source of the price takes the place of the template's whole."""
    own_source = any(key in said for key in sources)
    kept = {key: value for key, value in base.items() if not own_source or key not in (*sources, _OF_BANDS)}
    return {**kept, **said}


def _check(price: str, table: Mapping[str, Any], *, has_file: bool) -> None:
    where = f"[feeds.tariff.{price}]"
    given = [key for key in _SOURCES[price] if table.get(key) not in (None, False)]
    if len(given) > 1 or (not given and not has_file):
        came = " and ".join(given) or "none"
        raise ValueError(f"{where}: expected exactly one of {', '.join(_SOURCES[price])}, came {came}")
    if _OF_BANDS in table and "bands" not in given:
        raise ValueError(f"{where} {_OF_BANDS}: expected only beside bands")
    if given and given[0].startswith("column") and not has_file:
        raise ValueError(f"{where} {given[0]}: expected [feeds.tariff.csv] path = ..., the file of that column")
    if given and given[0] in ("kg_per_kwh", "column_kg") and "eur_per_tonne" not in table:
        raise ValueError(f"{where}: expected eur_per_tonne, what a tonne of CO2 counts, such as 80")
