"""The walk along a device's chain of models: a marker at a base address, then id and length of each model. Sans-IO.

Everything a device says of its own layout is bounded: lengths that leave the address space, chains without an end,
ids that mean nothing. What was found before the nonsense counts; the nonsense is named in `fault`.
"""

from dataclasses import dataclass

from drivers.modbus.plan import Span

BASES = (40000, 0, 50000, 40001, 1, 50001, 39999, 49999)
"""Where chains begin: the three of the specification, then what comes of counting registers from one."""

MARKER = b"SunS"
_END = 0xFFFF
_LAST_ADDRESS = 0xFFFF
_MOST_MODELS = 64


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """Where a model stands: address of its ID register, and its length without the two header registers."""

    id: int
    address: int
    length: int


class ChainWalk:
    """Ask for `next` until it is None, handing each answer to `take` and each refusal to `missing`."""

    def __init__(self, bases: tuple[int, ...] = BASES) -> None:
        self._bases = list(bases)
        self.base: int | None = None
        self.models: list[ModelPlace] = []
        self.fault = ""
        self.next: Span | None = self._next_base()

    def take(self, data: bytes) -> None:
        """Registers for the span asked."""
        if self.next is None:
            return
        if self.base is None:
            if data == MARKER:
                self.base = self.next.address
                self.next = Span(self.base + 2, 2)
            else:
                self.next = self._next_base()
            return
        self._header(self.next.address, int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big"))

    def missing(self) -> None:
        """The device refused the span asked: no marker here, or no end where an end should be."""
        if self.next is None:
            return
        if self.base is None:
            self.next = self._next_base()
        else:
            self._stop(f"expected a model or the end of the chain at register {self.next.address}, came a refusal")

    def _header(self, address: int, model_id: int, length: int) -> None:
        if model_id == _END:
            self.next = None
        elif model_id == 0:
            self._stop(f"expected a model id at register {address}, came 0")
        elif address + 2 + length + 2 > _LAST_ADDRESS + 1:
            self._stop(f"model {model_id} at register {address}: expected a length that fits, came {length}")
        else:
            self.models.append(ModelPlace(model_id, address, length))
            if len(self.models) >= _MOST_MODELS:
                self._stop(f"expected at most {_MOST_MODELS} models in a chain")
            else:
                self.next = Span(address + 2 + length, 2)

    def _stop(self, fault: str) -> None:
        self.fault = fault
        self.next = None

    def _next_base(self) -> Span | None:
        return Span(self._bases.pop(0), 2) if self._bases else None
