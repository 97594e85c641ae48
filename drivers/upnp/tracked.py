"""What the table of appliances keeps of one UUID, and when it wants to be looked at."""

import math
from dataclasses import dataclass
from enum import Enum

from drivers.upnp.orders import Place
from drivers.upnp.parts import GoneWhy

_ASK_SHARE, _ASK_LATEST_S = 0.25, 30.0


class State(Enum):
    """How far an appliance is known."""

    CANDIDATE = 1
    PRESENT = 2
    PARTED = 3
    """It said goodbye; soon its home is asked whether that is so."""


@dataclass(slots=True)
class Tracked:
    """One UUID. Times are monotonic seconds; infinite: nothing is due."""

    place: Place
    expires_s: float
    max_age_s: float
    state: State = State.CANDIDATE
    boot_id: int | None = None
    config_id: int | None = None
    sound: Place | None = None
    """Where it was described soundly last; at another location on its host anybody may have announced it."""
    others: tuple[tuple[Place, float], ...] = ()
    """Where it was heard besides, and until when that holds."""
    trying: Place | None = None
    """What is being fetched or verified now."""
    doubt: GoneWhy = GoneWhy.EXPIRED
    again_s: float = math.inf
    verify_s: float = math.inf
    read_from_s: float = -math.inf
    """From when on it may be read anew."""
    verified_s: float = -math.inf
    distrusted_until_s: float = -math.inf
    pardoned_until_s: float = -math.inf
    """Until then a further goodbye that it takes back itself makes its next ones doubtful."""
    tries: int = 0
    asked: bool = False

    @property
    def ask_s(self) -> float:
        """When it is asked once more, before its announcement runs out."""
        if self.asked or self.state is not State.PRESENT:
            return math.inf
        return self.expires_s - min(self.max_age_s * _ASK_SHARE, _ASK_LATEST_S)

    @property
    def due_s(self) -> float:
        """When time alone brings something about."""
        oldest = min((until_s for _, until_s in self.others), default=math.inf)
        if self.trying is not None:
            return oldest  # its answer comes first
        return min(self.expires_s, self.again_s, self.verify_s, self.ask_s, oldest)
