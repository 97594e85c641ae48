"""The envelope in which orders and their answers come and go: SOAP 1.1 as UPnP control has it.

Source: UPnP Device Architecture 1.1, chapter 3.
"""

from drivers.upnp.markup import Element

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
CONTROL = "urn:schemas-upnp-org:control-1-0"
"""The namespace of an error of UPnP in the detail of a fault."""
_HEAD = (
    f'<?xml version="1.0"?><s:Envelope xmlns:s="{ENVELOPE}" '
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
)
_FOOT = "</s:Body></s:Envelope>"


def enclosed(content: str) -> bytes:
    """Return what is sent: an element in its envelope."""
    return f"{_HEAD}{content}{_FOOT}".encode()


def contents(root: Element) -> list[Element]:
    """Return what stands in the body of an envelope; nothing where it is none."""
    body = root.child("Body") if (root.name, root.space) == ("Envelope", ENVELOPE) else None
    return [] if body is None else body.children
