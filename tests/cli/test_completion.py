"""Completion as shells do it: the printed script, loaded into the shell itself, asked for what TAB would show."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from heg.cli.completion import script, tree
from heg.cli.parser import parser
from tests.support.peers import needs

BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
compopt() { :; }  # only the shell's own completion may call it
_heg
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("completion")
    for shell in ("bash", "zsh", "fish"):
        (folder / shell).write_text(script(shell, parser()))
    return folder


def in_bash(scripts: Path, *words: str, folder: Path | None = None) -> list[str]:
    command = ["bash", "--norc", "-c", BASH, "bash", str(scripts / "bash"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, timeout=20)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("heg", "hi"), ["history"]),
        (("heg", "--host", "gateway.local", "hi"), ["history"]),
        (("heg", "--host", "192.168.1.20", ":", "8463", "hi"), ["history"]),
        (("heg", "users", "in"), ["invite"]),
        (("heg", "users", "invite", "vera", "v"), ["viewer"]),
        (("heg", "hands-off", "o"), ["on", "off"]),
        (("heg", "manual", "battery", "dis"), ["discharge"]),
        (("heg", "manual", "battery", "--minutes", "30", "dis"), ["discharge"]),
        (("heg", "history", "power.act"), ["power.active"]),
        (("heg", "history", "soc", "--reso"), ["--resolution"]),
        (("heg", "history", "soc", "--resolution", "15"), ["15min"]),
        (("heg", "history", "soc", "--from", ""), []),
        (("heg", "status", "--j"), ["--json"]),
        (("heg", "certificate", "inst"), ["install"]),
        (("heg", "completion", "z"), ["zsh"]),
        (("heg", "nonsense", ""), []),
    ],
)
def test_bash_completes(scripts: Path, words: tuple[str, ...], expected: list[str]) -> None:
    assert in_bash(scripts, *words) == expected


def test_bash_completes_files_where_files_are_meant(scripts: Path, tmp_path: Path) -> None:
    (tmp_path / "problem.json").touch()
    assert in_bash(scripts, "heg", "plan", "pro", folder=tmp_path) == ["problem.json"]
    assert in_bash(scripts, "heg", "check", "--config", "pro", folder=tmp_path) == ["problem.json"]
    assert in_bash(scripts, "heg", "status", "pro", folder=tmp_path) == []


def test_each_command_and_option_is_there(scripts: Path) -> None:
    words = (scripts / "bash").read_text()
    for node in tree(parser()).every():
        assert not node.path or node.path[-1] in words
        for option in node.options:
            assert all(flag in words for flag in option.flags)


@needs("fish")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("heg hi", ["history"]),
        ("heg users in", ["invite"]),
        ("heg users invite vera v", ["viewer"]),
        ("heg history soc --resolution 15", ["15min"]),
        ("heg status --js", ["--json"]),
    ],
)
def test_fish_completes(scripts: Path, tmp_path: Path, line: str, expected: list[str]) -> None:
    command = ["fish", "--no-config", "-c", f"source {scripts / 'fish'}; complete -C '{line}'"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert [one.partition("\t")[0] for one in done.stdout.splitlines()] == expected


@needs("zsh")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [("heg hi", "heg history"), ("heg users inv", "heg users invite"), ("heg status --js", "--json")],
)
def test_zsh_completes(scripts: Path, tmp_path: Path, typed: str, expected: str) -> None:
    code = f"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PROMPT=; stty cols 200; autoload -Uz compinit; compinit -u -d {tmp_path}/dump'
zpty -w shell 'source {scripts / "zsh"}; echo REA''DY'
zpty -r -m shell line '*READY*'
zpty -w -n shell $'{typed}\\t'
repeat 100; do zpty -r -t shell line && out+=$line; [[ $out == *'{expected}'* ]] && break; sleep 0.05; done
print -r -- "$out"
zpty -d shell
"""
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "TERM": "dumb"}
    command = ["zsh", "-f", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, env=environment)
    assert expected in done.stdout, done.stdout + done.stderr
