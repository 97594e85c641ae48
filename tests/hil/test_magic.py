"""A sleeping card wakes its machine by its own address alone."""

import socket

import pytest

from heg.runtime.clock import Clock
from hil.appliances.magic import MagicEar, Sleeper, called, mac_bytes
from tests.support.stepped import stepped

MAC = mac_bytes("02:00:00:00:00:07")


@pytest.mark.parametrize(
    ("packet", "wakes"),
    [
        (b"\xff" * 6 + MAC * 16, True),
        (b"before" + b"\xff" * 6 + MAC * 16 + b"behind", True),
        (b"\xff" * 6 + MAC * 15, False),
        (b"\xff" * 5 + MAC * 16, False),
        (b"\xff" * 6 + mac_bytes("02:00:00:00:00:08") * 16, False),
        (b"", False),
    ],
)
def test_only_the_whole_packet_with_its_own_address(packet: bytes, *, wakes: bool) -> None:
    assert called(packet, Sleeper(MAC, lambda: None)) is wakes


def test_a_card_with_a_password_wants_it_and_keeps_it_to_itself() -> None:
    secured = Sleeper(MAC, lambda: None, b"secret")
    assert not called(b"\xff" * 6 + MAC * 16, secured)
    assert not called(b"\xff" * 6 + MAC * 16 + b"sesame", secured)
    assert called(b"\xff" * 6 + MAC * 16 + b"secret", secured)
    assert "secret" not in repr(secured)


@stepped
async def test_it_is_woken_once_by_a_broadcast(clock: Clock) -> None:
    woken: list[str] = []
    ear = MagicEar(port=0)
    port = ear._socket.getsockname()[1]
    ear.waits("washer", Sleeper(MAC, lambda: woken.append("washer")))
    ear.waits("dryer", Sleeper(mac_bytes("02:00:00:00:00:08"), lambda: woken.append("dryer")))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
        mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for _ in range(3):
            mouth.sendto(b"\xff" * 6 + MAC * 16, ("127.255.255.255", port))
    await clock.sleep(0.1)
    ear.close()
    assert woken == ["washer"]
    assert (ear.heard, ear.woken) == (3, 1)


@pytest.mark.parametrize("wrong", ["", "02:00", "no address at all"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError):
        mac_bytes(wrong)
