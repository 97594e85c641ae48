"""Takes a picture of a running page: `python -m tests.web.screenshot ADDRESS FILE [WIDTH HEIGHT] [WORDS]`.

Words: `dark`; `fine` (more dots than pixels); `whole` (down to the page's end); `js=...` (run in the page first).
The picture of the README:
`python -m tests.web.screenshot http://127.0.0.1:8462 docs/images/live.png 1280 2230`.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.support.chromium import browsing


async def take(address: str, file: Path, width: int, height: int, words: set[str]) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        async with browsing(Path(folder)) as page:
            await page.size(width, height, dark="dark" in words, scale=1.5 if "fine" in words else 1.0)
            await page.ask("Emulation.setScrollbarsHidden", hidden=True)
            await page.open(address)
            await page.until("document.readyState === 'complete' && !document.body.classList.contains('waiting')")
            await page.until("document.body.dataset.past === 'loaded'", seconds=20.0, optional=True)
            for script in (word.removeprefix("js=") for word in words if word.startswith("js=")):
                await page.evaluate(script)
            await page.rest(2.0)
            await page.until("document.body.dataset.plan === 'loaded'", seconds=3.0, optional=True)
            if "whole" in words:
                tall = await page.evaluate("document.documentElement.scrollHeight")
                await page.size(width, int(tall), dark="dark" in words, scale=1.5 if "fine" in words else 1.0)
                await page.rest(1.0)
            await page.picture(file)
            for complaint in page.complaints:
                sys.stderr.write(f"{complaint}\n")


def main() -> None:
    address, file, *rest = sys.argv[1:]
    numbers = [int(word) for word in rest if word.isdigit()]
    width, height = (numbers + [1280, 900][len(numbers) :])[:2]
    asyncio.run(take(address, Path(file), width, height, {word for word in rest if not word.isdigit()}))


if __name__ == "__main__":
    main()
