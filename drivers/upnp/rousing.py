"""How an appliance that sleeps is woken: packets again and again, until it is there or the time is over."""

from drivers.upnp.appliance import Appliance
from drivers.upnp.wake import SecureOn, Waker
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock


class Rousing:
    """Wakes appliances; what comes of it is seen by whoever hears of them."""

    def __init__(self, clock: Clock, waker: Waker, secure_on: SecureOn) -> None:
        self._clock = clock
        self._waker = waker
        self._secure_on = secure_on

    def begin(self, appliance: Appliance) -> Refusal | None:
        """Begin to wake one; None when the first packets went out, or are on their way already."""
        if not appliance.wakeable:
            text = f"{appliance.wake}, card {appliance.card or 'unknown'}"
            return Refusal(RefusalCode.UNSUPPORTED, "an appliance that can be woken", text)
        if appliance.waking is not None:
            return None
        appliance.begin_waking(self._clock.monotonic_s())
        return self._send(appliance)

    def go_on(self, appliance: Appliance) -> None:
        """Send the next packets when they are due; when the time is over, it is told as failed."""
        waking, now_s = appliance.waking, self._clock.monotonic_s()
        if waking is None or now_s < min(waking.next_s, waking.until_s):
            return
        if now_s < waking.until_s:
            self._send(appliance)
            return
        appliance.waking = None
        came = f"nothing from it after {waking.sent} rounds of packets"
        mend = "check that wake-up by network is switched on in its firmware and its system"
        appliance.refused(Refusal(RefusalCode.TIMEOUT, "an appliance that wakes up in time", came, mend))

    def _send(self, appliance: Appliance) -> Refusal | None:
        password = self._secure_on.password(appliance.uuid)
        if isinstance(password, Refusal):
            appliance.waking = None
            return password
        link = appliance.described.link if appliance.described is not None else None
        refusal = self._waker.wake(appliance.sleeper, link, password)
        if appliance.waking is not None:
            appliance.waking.packet_sent(self._clock.monotonic_s())
        return refusal
