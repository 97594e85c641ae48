"""Prices, CO2 and forecasts from contracts, files and market services (spec ebr.md, Inputs each slot; Tariffs).

Light to import: the HTTP client is loaded when a service is configured and the driver is built.
"""

from drivers.feeds.config import FeedsConfig
from heg.devices.contract import Driver, DriverContext, DriverSpec
from heg.model.tariff import Contract


def _build(config: FeedsConfig, context: DriverContext) -> Driver:
    from drivers.feeds.driver import FeedsDriver

    return FeedsDriver(config, context)


def _contract(config: FeedsConfig, house_zone: str) -> Contract | None:
    from drivers.feeds.contract import contract_of

    return contract_of(config, house_zone)


DRIVER = DriverSpec(
    name="feeds",
    summary="prices, CO2 and forecasts: from the contract, from files, from day-ahead markets",
    config_type=FeedsConfig,
    build=_build,
    contract=_contract,
)
