"""What appliances say of themselves, as bytes: descriptions and packets, written without the driver's code."""

from uuid import UUID

DEVICE = "urn:heg-energy:device:Appliance:1"
SERVICE = "urn:heg-energy:service:PowerManagement:1"
CYCLES = "urn:heg-energy:service:CycleOffer:1"

TABLE: dict[str, tuple[str, str]] = {
    "GetPowerState": ("UUID Address", "PowerState RegID"),
    "WakeUpMethod": ("UUID Address", "WakeMethod RegID"),
    "OperationOn": ("UUID Address", "RegID"),
    "OperationOff": ("UUID Address", "RegID"),
    "GoToStandby": ("UUID Address", "RegID"),
    "StandbyPeriod": ("UUID Address StartTime StopTime", "RegID"),
    "Withdraw": ("UUID Address RegID", ""),
}
CYCLE_TABLE = {
    "GetCycle": (
        "",
        "CycleId Name RatedPower StepMinutes PowerCurve EarliestStart LatestEnd Interruptible",
    )
}


def uuid_number(number: int) -> str:
    return str(UUID(int=0x11111111_0000_4000_8000_000000000000 + number))


def scpd(table: dict[str, tuple[str, str]] = TABLE, evented: str = "PowerState") -> bytes:
    actions = "".join(
        f"<action><name>{name}</name><argumentList>"
        + "".join(
            f"<argument><name>{one}</name><direction>{way}</direction>"
            f"<relatedStateVariable>{one}</relatedStateVariable></argument>"
            for way, names in (("in", into), ("out", out))
            for one in names.split()
        )
        + "</argumentList></action>"
        for name, (into, out) in table.items()
    )
    named = {one for rows in table.values() for names in rows for one in names.split()} - {evented}
    variables = "".join(
        f'<stateVariable sendEvents="no"><name>{one}</name><dataType>{"i4" if one == "RegID" else "string"}</dataType>'
        "</stateVariable>"
        for one in sorted(named)
    )
    return (
        '<?xml version="1.0"?><scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major>'
        f"<minor>0</minor></specVersion><actionList>{actions}</actionList><serviceStateTable>"
        f'<stateVariable sendEvents="yes"><name>{evented}</name><dataType>string</dataType></stateVariable>'
        f"{variables}</serviceStateTable></scpd>"
    ).encode()


def device_xml(uuid: str, *, model: str = "Boiler", service: str = SERVICE, more: str = "") -> bytes:
    return (
        '<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>2</major>'
        f"<minor>0</minor></specVersion><device><deviceType>{DEVICE}</deviceType><friendlyName>Kitchen</friendlyName>"
        f"<manufacturer>Test</manufacturer><modelName>{model}</modelName><serialNumber>S-{uuid[-4:]}</serialNumber>"
        f"<UDN>uuid:{uuid}</UDN><serviceList><service><serviceType>{service}</serviceType>"
        "<serviceId>urn:heg-energy:serviceId:PowerManagement</serviceId><controlURL>/control</controlURL>"
        f"<eventSubURL>/event</eventSubURL><SCPDURL>/scpd.xml</SCPDURL></service>{more}</serviceList></device></root>"
    ).encode()


def response(uuid: str, location: str, *, max_age: int = 1800, boot: int = 1, target: str = SERVICE) -> bytes:
    return (
        f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age={max_age}\r\nEXT:\r\nLOCATION: {location}\r\n"
        f"SERVER: Linux UPnP/2.0 test/1\r\nST: {target}\r\nUSN: uuid:{uuid}::{target}\r\n"
        f"BOOTID.UPNP.ORG: {boot}\r\nCONFIGID.UPNP.ORG: 1\r\n\r\n"
    ).encode()


def notify(kind: str, uuid: str, location: str = "", *, max_age: int = 1800, boot: int = 1, more: str = "") -> bytes:
    lines = ["NOTIFY * HTTP/1.1", "HOST: 239.255.255.250:1900", f"NT: {SERVICE}", f"NTS: ssdp:{kind}"]
    lines += [f"USN: uuid:{uuid}::{SERVICE}", f"BOOTID.UPNP.ORG: {boot}", "CONFIGID.UPNP.ORG: 1"]
    if location:
        lines += [f"LOCATION: {location}", f"CACHE-CONTROL: max-age={max_age}", "SERVER: test"]
    return "\r\n".join([*lines, more, "", ""] if more else [*lines, "", ""]).encode()
