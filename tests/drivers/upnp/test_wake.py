"""Magic packets: their bytes, where they go, whose they are; and the cards that the kernel knows."""

import math
import struct
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.upnp import neighbours
from drivers.upnp.agenda import Agenda
from drivers.upnp.parts import Link
from drivers.upnp.wake import Datagram, SecureOn, Sleeper, Waker, magic_packet, password_bytes
from heg.model.appliances import WakeMethod
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.secrets import Secret, SecretReference

CARD = "aa:bb:cc:00:11:22"
FOUR, SIX, OTHER = Link("eth0", "192.168.1.2"), Link("eth0", "fe80::2"), Link("eth1", "10.0.0.2")


def sent(links: Iterable[Link], method: WakeMethod, link: Link | None, address: str = "192.168.1.9") -> list[str]:
    packets: list[Datagram] = []
    waker = Waker(
        lambda: links,
        send=lambda datagram, _port: packets.append(datagram),
        broadcast_of=lambda link: {"eth0": "192.168.1.255", "eth1": ""}[link.name],
    )
    assert waker.wake(Sleeper(CARD, method, address), link) is None
    return [f"{one.link.name} {one.address}" for one in packets]


def test_a_packet_is_six_times_ff_and_sixteen_times_the_card() -> None:
    assert magic_packet(CARD).hex() == "ff" * 6 + "aabbcc001122" * 16
    assert magic_packet(CARD, b"\x01\x02\x03\x04")[-4:] == b"\x01\x02\x03\x04"


def test_packets_go_to_everybody_on_its_link() -> None:
    both = (FOUR, SIX, OTHER)
    assert sent(both, WakeMethod.WOL, FOUR) == [
        "eth0 255.255.255.255",
        "eth0 192.168.1.255",
        "eth0 ff02::1",
    ]
    assert sent((SIX,), WakeMethod.WOL, SIX) == ["eth0 ff02::1"]
    assert sent(both, WakeMethod.WOWLAN, OTHER) == ["eth1 255.255.255.255", "eth1 192.168.1.9"]
    assert sent((FOUR, SIX), WakeMethod.WOWLAN, SIX, "fe80::9") == [
        "eth0 255.255.255.255",
        "eth0 192.168.1.255",
        "eth0 ff02::1",
        "eth0 fe80::9",
    ]
    assert sent((FOUR, SIX), WakeMethod.WOWLAN, FOUR).count("eth0 192.168.1.9") == 1
    assert sent((OTHER,), WakeMethod.WOL, FOUR) == ["eth1 255.255.255.255"]  # its link is gone
    assert len(sent(both, WakeMethod.WOL, None)) == 4
    assert sent((Link("lo", "127.0.0.1"),), WakeMethod.WOL, None, "127.0.0.9") == ["lo 127.0.0.9"]


def test_where_no_packet_goes_out_it_is_said() -> None:
    def fails(_datagram: Datagram, _port: int) -> None:
        raise OSError(101, "Network is unreachable")

    refusal = Waker(lambda: (FOUR,), send=fails, broadcast_of=lambda _: "").wake(Sleeper(CARD, WakeMethod.WOL), FOUR)
    assert isinstance(refusal, Refusal)
    assert refusal.came == "255.255.255.255 on eth0: Network is unreachable"
    none = Waker(tuple, send=fails).wake(Sleeper(CARD, WakeMethod.WOL), FOUR)
    assert isinstance(none, Refusal)
    assert none.came == "no network"


@pytest.mark.parametrize(
    ("text", "packed"), [("0A:1b:2c:3d:4e:5f", "0a1b2c3d4e5f"), ("10.20.30.40", "0a141e28"), ("", "")]
)
def test_passwords_of_both_lengths_are_read(text: str, packed: str) -> None:
    assert password_bytes(Secret(text)).hex() == packed


def test_a_password_is_never_named(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("open sesame")
    file.chmod(0o600)
    uuid = "ab-1"
    secure_on = SecureOn({"AB-1": SecretReference(file=str(file)), "ab-2": SecretReference(file=str(tmp_path / "no"))})
    refusal = secure_on.password(uuid)
    assert isinstance(refusal, Refusal)
    assert refusal.code is RefusalCode.NOT_READY
    assert "sesame" not in f"{refusal}{secure_on!r}"
    assert "six bytes" in refusal.came
    file.write_text("0a:1b:2c:3d:4e:5f\n")
    assert secure_on.password(uuid) == bytes.fromhex("0a1b2c3d4e5f")
    assert isinstance(secure_on.password("ab-2"), Refusal)
    assert secure_on.password("another") == b""


def test_who_plays_an_appliance_on_loopback_has_a_card_of_its_address() -> None:
    assert neighbours.card_of("127.0.0.9", Link("lo", "127.0.0.1")) == "02:00:7f:00:00:09"
    assert neighbours.card_of("nobody", FOUR) == ""


def test_the_kernels_answer_is_read_by_its_lengths() -> None:
    asked = neighbours.request("fe80::9", 3)
    assert len(asked) == struct.unpack_from("=I", asked)[0] == 48
    lladdr = struct.pack("=HH6s2x", 10, 2, bytes.fromhex("aabbcc001122"))
    answer = struct.pack("=IHHII", 28 + len(lladdr), 28, 0, 1, 0) + bytes(12) + lladdr
    assert neighbours.answered(answer) == CARD
    for size in range(len(answer)):
        assert neighbours.answered(answer[:size]) == ""
    without = struct.pack("=IHHII", 28, 28, 0, 1, 0) + bytes(12)  # asked for, or given up: no card is named
    assert neighbours.answered(without) == ""


@given(st.binary(max_size=200))
def test_any_answer_of_a_kernel_is_read(data: bytes) -> None:
    card = neighbours.answered(data)
    assert card == "" or neighbours.is_card(card)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 100) | st.just(float("inf"))), max_size=200))
def test_the_agenda_names_each_once_and_the_earliest_first(puts: list[tuple[str, float]]) -> None:
    agenda, wanted = Agenda(), {}
    for name, due_s in puts:
        agenda.put(name, due_s)
        wanted[name] = due_s
    wanted = {name: due_s for name, due_s in wanted.items() if due_s <= 100}
    assert len(agenda) == len(wanted)
    assert agenda.next_s() == min(wanted.values(), default=float("inf"))
    assert len(agenda._heap) <= 2 * 4 + 64 + 1
    taken = []
    while (first := agenda.take(100.0)) is not None:
        taken.append(first)
    assert sorted(taken) == sorted(wanted)
    assert [wanted[name] for name in taken] == sorted(wanted.values())


def test_what_is_overdue_has_its_turn_in_the_order_in_which_it_came() -> None:
    agenda = Agenda()
    agenda.put("late", -math.inf, 5.0)
    agenda.put("a", -math.inf, 6.0)
    agenda.put("late", -math.inf, 7.0)
    assert [agenda.take(7.0) for _ in range(3)] == ["late", "a", None]
    agenda.put("a", -math.inf, 8.0)
    agenda.put("a", 20.0, 8.0)
    assert agenda.take(19.0) is None, "what is put off is put off"


def test_the_agenda_does_not_grow_with_what_is_put_off_again_and_again() -> None:
    agenda = Agenda()
    for number in range(10_000):
        agenda.put(f"{number % 3}", 1000.0 + number)
    assert len(agenda._heap) <= 2 * 3 + 64
    assert [agenda.take(20_000.0) for _ in range(4)] == ["1", "2", "0", None]
