"""The leak check can fail: each kind of thing left behind fails its test, and only that one."""

from __future__ import annotations

import pytest

PREAMBLE = """
import asyncio, os, socket, subprocess, threading
kept = []
"""

LEAKS = {
    "task": """
def test_it():
    async def wait(): await asyncio.Event().wait()
    async def main(): kept.append(asyncio.create_task(wait(), name="forgotten"))
    asyncio.run(main())
""",
    "timer": """
def test_it():
    async def main(): asyncio.get_running_loop().call_later(3600, print, "forgotten")
    asyncio.run(main())
""",
    "thread": """
def test_it():
    kept.append(threading.Thread(target=threading.Event().wait, name="forgotten", daemon=True))
    kept[0].start()
""",
    "file or socket socket:": """
def test_it():
    kept.append(socket.create_server(("127.0.0.1", 0)))
""",
    "file or socket anon_inode:[eventpoll]": """
def test_it():
    kept.append(asyncio.new_event_loop())
""",
    "process": """
def test_it():
    kept.append(subprocess.Popen(["sleep", "20"]))
    os.environ["FORGOTTEN"] = str(kept[0].pid)

def test_then_ended():
    kept[0].kill()
    kept[0].wait()
""",
}

CLEAN = """
def test_it():
    async def main():
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await asyncio.wait_for(reader.read(), 5)
        await asyncio.get_running_loop().run_in_executor(None, os.getpid)
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        process = await asyncio.create_subprocess_exec("true")
        await process.wait()
    asyncio.run(main())
    thread = threading.Thread(target=os.getpid)
    thread.start()
    thread.join()
"""


@pytest.mark.parametrize("kind", LEAKS)
def test_what_is_left_behind_fails_its_test(pytester: pytest.Pytester, kind: str) -> None:
    pytester.makepyfile(PREAMBLE + LEAKS[kind])
    result = pytester.runpytest_subprocess("-p", "tests.support.leaks", "-p", "no:cacheprovider")
    assert result.parseoutcomes().get("errors") == 1
    result.stdout.fnmatch_lines([f"*the test left behind: *{kind.replace('[', '[[]')}*"])


def test_what_is_put_away_passes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PREAMBLE + CLEAN)
    result = pytester.runpytest_subprocess("-p", "tests.support.leaks", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
