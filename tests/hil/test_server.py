"""The rig's Modbus server: answers, refusals and every way of misbehaving, without any I/O."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.devices.modbus import Manner, RtuFraming, TcpFraming, answer, crc16


class Cells:
    """Ten registers from address 100."""

    def __init__(self) -> None:
        self.manner = Manner()
        self.data = bytearray(range(20))

    def read(self, address: int, count: int) -> bytes | None:
        start = (address - 100) * 2
        return bytes(self.data[start : start + count * 2]) if start >= 0 and start + count * 2 <= 20 else None

    def write(self, address: int, words: bytes) -> bool:
        start = (address - 100) * 2
        if not (start >= 0 and start + len(words) <= 20):
            return False
        self.data[start : start + len(words)] = words
        return True


def tcp(pdu: bytes, *, transaction: int = 7, unit: int = 1) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


READ = struct.pack(">BHH", 3, 101, 2)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (READ, b"\x03\x04\x02\x03\x04\x05"),
        (struct.pack(">BHH", 4, 100, 1), b"\x04\x02\x00\x01"),
        (struct.pack(">BHH", 3, 109, 2), b"\x83\x02"),
        (struct.pack(">BHH", 3, 100, 0), b"\x83\x03"),
        (struct.pack(">BHH", 3, 100, 126), b"\x83\x03"),
        (struct.pack(">BH2s", 6, 102, b"\xab\xcd"), struct.pack(">BH2s", 6, 102, b"\xab\xcd")),
        (struct.pack(">BH2s", 6, 99, b"\xab\xcd"), b"\x86\x02"),
        (struct.pack(">BHHB4s", 16, 102, 2, 4, b"wxyz"), struct.pack(">BHH", 16, 102, 2)),
        (struct.pack(">BHHB4s", 16, 102, 3, 4, b"wxyz"), b"\x90\x03"),
        (struct.pack(">BHHHHB2s", 23, 100, 1, 100, 1, 2, b"\xbe\xef"), b"\x17\x02\xbe\xef"),
        (b"\x2b\x0e\x01\x00", b"\xab\x01"),
        (b"\x03", b"\x83\x03"),
    ],
)
def test_what_is_answered(asked, said):
    assert answer(asked, Cells()) == said


def test_a_frame_in_pieces_and_two_in_one():
    framing = TcpFraming({1: Cells()})
    frame = tcp(READ)
    assert framing.receive(frame[:5]) == []
    (reply,) = framing.receive(frame[5:])
    assert reply.data == tcp(b"\x03\x04\x02\x03\x04\x05")
    assert len(framing.receive(frame + frame)) == 2


def test_an_unknown_unit_and_a_stranger_to_the_protocol():
    framing = TcpFraming({1: Cells()})
    assert framing.receive(tcp(READ, unit=9))[0].data[-2:] == b"\x83\x0b"
    (reply,) = framing.receive(b"GET / HTTP/1.1\r\n\r\n")
    assert reply.hang_up


def test_faults_spoil_answers_and_end():
    unit = Cells()
    framing = TcpFraming({1: unit})
    good = framing.receive(tcp(READ))[0].data
    unit.manner.silent = True
    assert framing.receive(tcp(READ)) == []
    unit.manner.well()
    unit.manner.delay_s = 2.0
    assert framing.receive(tcp(READ))[0].delay_s == 2.0
    unit.manner.well()
    unit.manner.half = True
    assert framing.receive(tcp(READ))[0].data == good[: len(good) // 2]
    unit.manner.well()
    unit.manner.wrong_transaction = True
    assert framing.receive(tcp(READ))[0].data[2:] == good[2:] != good
    unit.manner.well()
    unit.manner.garbage = True
    noise = framing.receive(tcp(READ))[0].data
    assert len(noise) == len(good)
    assert noise != good
    unit.manner.well()
    unit.manner.exception = 6
    before = bytes(unit.data)
    assert framing.receive(tcp(struct.pack(">BH2s", 6, 102, b"\xab\xcd")))[0].data[-2:] == b"\x86\x06"
    assert unit.data == before
    unit.manner.well()
    assert framing.receive(tcp(READ))[0].data == good
    assert unit.manner.requests == 8


def test_a_serial_line_finds_its_frames_in_noise():
    framing = RtuFraming({3: Cells()})
    body = b"\x03" + READ
    frame = body + crc16(body)
    replies = framing.receive(b"\x00\xff" + frame + frame[:3])
    assert [reply.data[:3] for reply in replies] == [b"\x03\x03\x04"]
    assert len(framing.receive(frame[3:])) == 1
    other = b"\x04" + READ
    assert framing.receive(other + crc16(other)) == []


def test_a_checksum_as_the_standard_prints_it():
    assert crc16(bytes.fromhex("010300000002")) == bytes.fromhex("c40b")


@given(st.binary(max_size=400), st.integers(1, 50))
def test_nothing_that_arrives_breaks_a_framing(noise, piece):
    for framing in (TcpFraming({1: Cells()}), RtuFraming({1: Cells()})):
        for start in range(0, len(noise), piece):
            framing.receive(noise[start : start + piece])
