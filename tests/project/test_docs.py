"""Every link between pages leads somewhere, and every command that README shows exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target, _ in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_commands_that_readme_shows_exist() -> None:
    shown = re.findall(r"^    heg ([\w-]+)", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    assert shown
    for command in shown:
        subprocess.run([sys.executable, "-m", "heg", command, "--help"], check=True, capture_output=True)
