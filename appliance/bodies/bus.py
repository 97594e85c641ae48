"""D-Bus over a Unix socket, with file descriptors, on any event loop: jeepney reads and writes the messages.

jeepney's own asyncio side takes no descriptors, and logind's inhibitor lock is one.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import Any

from jeepney import DBusAddress, Message, MessageType, new_method_call
from jeepney.auth import BEGIN, AuthenticationError, Authenticator
from jeepney.bus import get_bus
from jeepney.low_level import HeaderFields, Parser
from jeepney.wrappers import DBusErrorResponse

CALL_WITHIN_S = 10.0
_LARGEST_MESSAGE = 1 << 20
_MOST_DESCRIPTORS = 8

OnSignal = Callable[[Sequence[Any]], None]


class BusError(OSError):
    """The bus cannot be reached, or who was called refused; `name` as D-Bus names errors, empty: the bus itself."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text or name)
        self.name = name


class Bus:
    """One connection. `lost` is done when it has ended, with the reason."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._parser = Parser()
        self._serial = 0
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._signals: dict[tuple[str, str], tuple[str, OnSignal]] = {}
        self._owners: dict[str, str] = {DBUS.bus_name or "": DBUS.bus_name or ""}
        """Who has which name now: anybody may send a signal to us alone, whatever we listen to."""
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.name = ""

    @classmethod
    async def connect(cls, address: str = "SYSTEM") -> Bus:
        """Connect and say hello; `address` as in DBUS_SYSTEM_BUS_ADDRESS. Raises `BusError`."""
        loop = asyncio.get_running_loop()
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            async with asyncio.timeout(CALL_WITHIN_S):
                await loop.sock_connect(line, get_bus(address))
                await _authenticate(line)
            bus = cls(line)
        except (OSError, AuthenticationError, RuntimeError, ValueError, StopIteration) as error:
            line.close()
            what = getattr(error, "strerror", None) or ("no answer" if isinstance(error, OSError) else str(error))
            text = f"D-Bus at {address}: {what}; is it running (systemctl status dbus), and is [logind] bus right?"
            raise BusError("", text) from error
        except asyncio.CancelledError:
            line.close()
            raise
        loop.add_reader(line, bus._read)
        try:
            (bus.name,) = await bus.call(DBUS, "Hello")
        except (BusError, asyncio.CancelledError):
            bus.close()
            raise
        return bus

    async def call(
        self, to: DBusAddress, member: str, signature: str = "", body: tuple[Any, ...] = ()
    ) -> Sequence[Any]:
        """Call a method and return what it answers. Raises `BusError`."""
        self._serial += 1
        serial = self._serial
        waiting = self._waiting[serial] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(CALL_WITHIN_S):
                data = new_method_call(to, member, signature, body).serialise(serial)
                await asyncio.get_running_loop().sock_sendall(self._line, data)
                answer = await waiting
        except (OSError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and not self.lost.done():
                raise
            raise BusError("", f"{member}: {str(error) or 'no answer in time'}") from error
        finally:
            del self._waiting[serial]
        if answer.header.message_type is MessageType.error:
            refused = DBusErrorResponse(answer)
            raise BusError(refused.name, " ".join(map(str, refused.data or ())))
        return tuple(answer.body)

    async def listen(self, to: DBusAddress, member: str, on_signal: OnSignal) -> None:
        """Have `on_signal` called with the values of each such signal of who has that name. Raises `BusError`."""
        name = to.bus_name or ""
        if name not in self._owners:
            await self.listen(DBUS, "NameOwnerChanged", self._changed_hands)
            with contextlib.suppress(BusError):  # nobody has it yet
                (self._owners[name],) = await self.call(DBUS, "GetNameOwner", "s", (name,))
        self._signals[to.interface or "", member] = (name, on_signal)
        rule = f"type='signal',sender='{name}',path='{to.object_path}',interface='{to.interface}'"
        await self.call(DBUS, "AddMatch", "s", (f"{rule},member='{member}'",))

    def _changed_hands(self, values: Sequence[Any]) -> None:
        name, _, owner = values
        if name in {wanted for wanted, _ in self._signals.values()}:
            self._owners[name] = owner

    def close(self) -> None:
        """End the connection; closing twice is allowed."""
        self._end("closed")

    def _end(self, why: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(why)
        asyncio.get_running_loop().remove_reader(self._line)
        self._line.close()
        for waiting in self._waiting.values():
            waiting.cancel()

    def _read(self) -> None:
        try:
            # No further than one message: the kernel gives descriptors with the bytes they came with.
            wanted = self._parser.bytes_desired()
            if wanted > _LARGEST_MESSAGE:
                self._end(f"a message of {wanted} bytes")
                return
            data, descriptors, _, _ = socket.recv_fds(self._line, wanted, _MOST_DESCRIPTORS)
        except BlockingIOError:
            return
        except (OSError, ValueError) as error:
            self._end(str(error))
            return
        if not data:
            self._end("the bus ended it")
            return
        self._parser.add_data(data, [_descriptor(number) for number in descriptors])
        with contextlib.suppress(IndexError):
            while (message := self._parser.get_next_message()) is not None:
                self._take(message)

    def _take(self, message: Message) -> None:
        fields = message.header.fields
        if message.header.message_type is MessageType.signal:
            key = (fields.get(HeaderFields.interface, ""), fields.get(HeaderFields.member, ""))
            name, on_signal = self._signals.get(key, ("", None))
            if on_signal is not None and fields.get(HeaderFields.sender) == self._owners.get(name, ""):
                on_signal(message.body)
            return
        waiting = self._waiting.get(fields.get(HeaderFields.reply_serial, 0))
        if waiting is not None and not waiting.done():
            waiting.set_result(message)


DBUS = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")


async def _authenticate(line: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    talk = Authenticator(enable_fds=True)
    for data in talk:
        if data:
            await loop.sock_sendall(line, data)
        received = await loop.sock_recv(line, 1024)
        if not received:
            raise ConnectionResetError("the bus ended the connection")
        talk.feed(received)
    await loop.sock_sendall(line, BEGIN)


def _descriptor(number: int) -> Any:
    from jeepney.fds import FileDescriptor

    return FileDescriptor(number)
