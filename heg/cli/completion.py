"""What completes `heg` at TAB: a static script made from the parser, so that no Python starts while somebody types."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

_MADE = "# Printed by: heg completion {name}"


@dataclass(frozen=True, slots=True)
class Value:
    """What may be said at one place: some words, a file, or anything. `name` as the help writes it."""

    words: tuple[str, ...] = ()
    file: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """An option: its spellings, what it takes (None: nothing), what its help says."""

    flags: tuple[str, ...]
    takes: Value | None
    text: str


@dataclass(frozen=True, slots=True)
class Node:
    """A word of the command line with what may follow it; `path` is how it is reached, such as ("users", "list")."""

    path: tuple[str, ...]
    text: str = ""
    options: tuple[Option, ...] = ()
    places: tuple[Value, ...] = ()
    children: Mapping[str, Node] = field(default_factory=dict)

    def every(self) -> Iterator[Node]:
        """Yield this and all below."""
        yield self
        for child in self.children.values():
            yield from child.every()


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """Return the script of a shell: bash, zsh or fish."""
    makers: Mapping[str, Callable[[Node], Iterable[str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return "\n".join(makers[shell](tree(parser))) + "\n"


def tree(parser: argparse.ArgumentParser, path: tuple[str, ...] = (), text: str = "") -> Node:
    """Return what a parser takes."""
    options, places, children = [], [], {}
    for action in parser._actions:  # noqa: SLF001 - argparse has no public view of what it parses
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            texts = {one.dest: one.help or "" for one in action._choices_actions}  # noqa: SLF001
            children = {name: tree(one, (*path, name), texts[name]) for name, one in action.choices.items()}
        elif action.option_strings:
            takes = None if action.nargs == 0 else _value(action)
            options.append(Option(tuple(action.option_strings), takes, (action.help or "").replace("%%", "%")))
        else:
            places.append(replace(_value(action), name=_written(action)))
    return Node(path, text, tuple(options), tuple(places), children)


def _value(action: argparse.Action) -> Value:
    if action.choices is not None:
        return Value(words=tuple(map(str, action.choices)))
    if action.dest == "variable":
        from heg.model.catalogue import CATALOGUE

        return Value(words=tuple(sorted(CATALOGUE)))
    return Value(file=action.type is Path or "FILE" in (action.metavar or ""))


def _written(action: argparse.Action) -> str:
    name = str(action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper()))
    return f"[{name}]" if action.nargs == "?" else name


def _plain(text: str) -> str:
    """Return the first of a help text as any shell's quotes and zsh's brackets bear it."""
    first = text.partition(";")[0].partition(":")[0].replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")
    return "".join(letter if letter not in '"[]`$\\' else " " for letter in first).strip()


def _bash(whole: Node) -> Iterator[str]:
    yield _MADE.format(name="bash")
    yield "_heg() {"
    yield "    local cur=${COMP_WORDS[COMP_CWORD]} prev='' at='' word i n=0 skip=0 words=''"
    yield "    ((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD - 1]}"
    yield "    COMPREPLY=()"
    yield "    for ((i = 1; i < COMP_CWORD; i++)); do"
    yield "        word=${COMP_WORDS[i]}"
    yield "        if ((skip)); then skip=0; continue; fi"
    yield '        case "$at $word" in'
    children = (f'"{_at(node.path[:-1])} {node.path[-1]}"' for node in whole.every() if node.path)
    yield f"            {'|'.join(children)}) at=$at/$word; n=0 ;;"
    yield f"            {'|'.join(_bash_flags(whole, takes=True))}) skip=1 ;;"
    yield "            *' ':|*' '=) skip=1 ;;"  # bash breaks words there: what follows belongs to the word before
    yield "            *' '-*) ;;"
    yield "            *) ((n += 1)) ;;"
    yield "        esac"
    yield "    done"
    yield '    case "$at $prev" in'
    for node in whole.every():
        for option in node.options:
            if option.takes is not None:
                yield f"        {'|'.join(_bash_keys(node, option))}) {_bash_reply(option.takes)} return ;;"
    yield "    esac"
    yield "    if [[ $cur == -* ]]; then"
    yield "        case $at in"
    for node in whole.every():
        flags = " ".join(flag for option in node.options for flag in option.flags)
        yield f"            '{_at(node.path)}') words='{flags}' ;;"
    yield "        esac"
    yield "    else"
    yield '        case "$at $n" in'
    for node in whole.every():
        if node.children:
            yield f"            '{_at(node.path)} 0') words='{' '.join(node.children)}' ;;"
        for number, place in enumerate(node.places):
            if place.words or place.file:
                yield f"            '{_at(node.path)} {number}') {_bash_reply(place)} return ;;"
    yield "        esac"
    yield "    fi"
    yield '    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")'
    yield "}"
    yield "complete -F _heg heg"


def _at(path: tuple[str, ...]) -> str:
    return "".join(f"/{word}" for word in path)


def _bash_flags(whole: Node, *, takes: bool) -> Iterator[str]:
    for node in whole.every():
        for option in node.options:
            if (option.takes is not None) is takes:
                yield from _bash_keys(node, option)


def _bash_keys(node: Node, option: Option) -> Iterator[str]:
    return (f"'{_at(node.path)} {flag}'" for flag in option.flags)


def _bash_reply(value: Value) -> str:
    if value.file:
        return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur");'
    if value.words:
        return f"mapfile -t COMPREPLY < <(compgen -W '{' '.join(value.words)}' -- \"$cur\");"
    return ""


def _zsh(whole: Node) -> Iterator[str]:
    yield "#compdef heg"
    yield _MADE.format(name="zsh")
    for node in whole.every():
        yield f"{_zsh_name(node)}() {{"
        yield "    local curcontext=$curcontext state line"
        said = [_zsh_option(option, flag) for option in node.options for flag in option.flags]
        if node.children:
            said += ["'1: :->word'", "'*:: :->rest'"]
        else:
            said += [f"'{number}:{' '}:{_zsh_value(place)}'" for number, place in enumerate(node.places, 1)]
        yield "    _arguments -C \\"
        yield " \\\n".join(f"        {one}" for one in said)
        if node.children:
            yield "    case $state in"
            yield "        word) local -a several=("
            yield from (f"            '{name}:{_plain(child.text)}'" for name, child in node.children.items())
            yield "            ); _describe command several ;;"
            yield "        rest) case $words[1] in"
            yield from (f"            {name}) {_zsh_name(child)} ;;" for name, child in node.children.items())
            yield "            esac ;;"
            yield "    esac"
        yield "}"
    # Loaded by itself it defines the function; by the completion system it is the function.
    yield 'if [[ $funcstack[1] == _heg ]]; then _heg "$@"; else compdef _heg heg; fi'


def _zsh_name(node: Node) -> str:
    return "_".join(("_heg", *node.path))


def _zsh_option(option: Option, flag: str) -> str:
    if option.takes is None:
        return f"'{flag}[{_plain(option.text)}]'"
    return f"'{flag}[{_plain(option.text)}]: :{_zsh_value(option.takes)}'"


def _zsh_value(value: Value) -> str:
    if value.file:
        return "_files"
    return f"({' '.join(value.words)})" if value.words else " "


def _fish(whole: Node) -> Iterator[str]:
    yield _MADE.format(name="fish")
    yield "complete -c heg -f"
    for node in whole.every():
        yield from _fish_node(node)


def _fish_node(node: Node) -> Iterator[str]:
    here = [f"__fish_seen_subcommand_from {word}" for word in node.path]
    if node.children:
        names = " ".join(node.children)
        at = "; and ".join((*here, f"not __fish_seen_subcommand_from {names}"))
        for name, child in node.children.items():
            yield f"complete -c heg -n '{at}' -a {name} -d '{_plain(child.text)}'"
    else:
        at = "; and ".join(here)
        for place in node.places:
            if place.file:
                yield f"complete -c heg -n '{at}' -F"
            elif place.words:
                yield f"complete -c heg -n '{at}' -a '{' '.join(place.words)}'"
    for option in node.options:
        where = f" -n '{at}'" if node.path else ""
        yield f"complete -c heg{where} {_fish_flags(option)}{_fish_takes(option.takes)} -d '{_plain(option.text)}'"


def _fish_flags(option: Option) -> str:
    return " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)


def _fish_takes(value: Value | None) -> str:
    if value is None:
        return ""
    if value.file:
        return " -r -F"
    return f" -x -a '{' '.join(value.words)}'" if value.words else " -x"
