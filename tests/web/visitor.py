"""A person in front of the page: fills in what is on the screen, presses what is offered, reads what is said."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.support.chromium import Page
from tests.web.test_browser import DESK, PHONE, fits, too_wide

_SEEN = "(one) => one.checkVisibility({ visibilityProperty: true })"
_BETWEEN = (320, 641, 980)
"""The smallest phone (the live page's tables ask for 360), and where the page changes its form."""
_TOP = "(document.querySelector('dialog[open]') ?? document)"


@dataclass(frozen=True, slots=True)
class Visitor:
    """One person's tab. What is not visible can neither be filled in nor pressed."""

    page: Page

    async def opens(self, address: str) -> None:
        await self.page.open(address)

    async def goes(self, screen: str) -> None:
        """Press the screen's link in the navigation, by name as it stands there."""
        await self.page.until(f"{self._found('#nav a', screen)} !== undefined")
        await self.page.evaluate(f"{self._found('#nav a', screen)}.click()")

    async def fills(self, **values: str) -> None:
        """Type into fields by their names (`_` for `-`), over what stood there; names belong to the last form shown."""
        for name, value in values.items():
            field = f"[name={json.dumps(name.replace('_', '-'))}]"
            found = f"[...{_TOP}.querySelectorAll({json.dumps(field)})].filter({_SEEN}).at(-1)"
            await self.page.until(f"{found} !== undefined")
            await self.page.evaluate(f"(() => {{ const one = {found}; one.focus(); one.select(); }})()")
            await self.page.type(value)

    async def chooses(self, name: str, value: str, *, first: bool = False) -> None:
        """Choose in the last list of this name, or in the first."""
        found = f"[...document.querySelectorAll('select[name={name}]')].filter({_SEEN}).at({0 if first else -1})"
        await self.page.evaluate(
            f"(() => {{ const one = {found}; one.value = {json.dumps(value)};"
            " one.dispatchEvent(new Event('change')); })()"
        )

    async def presses(self, words: str) -> None:
        """Press the button or link that says so, and is neither hidden nor waiting."""
        found = self._found("button, a, summary", words)
        await self.page.until(f"{found} !== undefined && !{found}.disabled")
        await self.page.evaluate(f"{found}.click()")

    async def offered(self, words: str) -> bool:
        return bool(await self.page.evaluate(f"{self._found('button, a, summary', words)} !== undefined"))

    async def sees(self, words: str, *, seconds: float = 20.0) -> None:
        """Wait until the words are shown."""
        shown = "document.body.innerText.replaceAll('\\u00a0', ' ')"
        await self.page.until(f"{shown}.includes({json.dumps(words)})", seconds=seconds)

    async def reads(self, part: str) -> str:
        found = await self.page.evaluate(f"document.querySelector({json.dumps(part)})?.innerText ?? ''")
        return str(found).replace("\u00a0", " ")

    async def is_at(self, title: str) -> None:
        """Wait until this screen is shown and the focus has told so."""
        await self.page.until(f"document.title === {json.dumps(title)}")

    async def is_home(self) -> None:
        """Wait for the live page with its past."""
        await self.page.until(
            "!document.getElementById('main').hidden && !document.body.classList.contains('waiting')"
            " && document.body.dataset.past === 'loaded'"
        )

    async def likes(self, *, whole: bool = False) -> None:
        """It fits on phone and desktop, and axe-core finds nothing, light and dark; `whole` tries each with each."""
        for size, dark in ((DESK, False), (PHONE, True), *(((PHONE, False), (DESK, True)) if whole else ())):
            await fits(self.page, *size, dark=dark, rest_s=0.05)
        live = not await self.page.evaluate("document.getElementById('main').hidden")
        for width in _BETWEEN[live:]:
            await self.page.size(width, 800, calm=True)
            wide = await too_wide(self.page)
            assert wide == [], (width, wide)
        await self.page.size(*DESK, calm=True)

    def forgives(self, *statuses: int) -> None:
        """Forget the browser's own word on answers that are meant to refuse; nothing else may complain."""
        for status in statuses:
            mark = f"status of {status} "
            self.page.complaints[:] = [one for one in self.page.complaints if mark not in one]

    @staticmethod
    def _found(selector: str, words: str) -> str:
        return (
            f"[...{_TOP}.querySelectorAll({json.dumps(selector)})].filter({_SEEN})"
            f".find((one) => one.innerText.trim().split('\\n')[0] === {json.dumps(words)})"
        )
