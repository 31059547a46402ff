"""What the documents refer to is there: files, headings, commands with their options, variables, functions."""

import ast
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import pytest

from api.cli import main
from tests.test_documentation import ROOT, VARIABLE, documented_settings

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")] + sorted((ROOT / "docs").rglob("*.md"))
TARGET = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?<=\n\n)(?: {4}.*\n)+")
POSTFIX = re.compile(r"^comptoir unix -", re.MULTILINE)  # a transport that has our name
INLINE = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(?:^|[\s/(])comptoir((?: +(?:[\w./@+:=-]+|\"[^\"]*\"|'[^']*'))*)")
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.\w+)(?:: (\w+))?`")
FOLDER = re.compile(r"`((?:[\w.-]+/)+)`")
NOT_OURS = ("message/", "application/", "var/")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors that a reader's site makes of the headings."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", read(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> Iterator[str]:
    for target in TARGET.findall(FENCED.sub("", read(page))):
        if re.match(r"https?://|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            yield target


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    assert not list(broken_links(page))


def commands(text: str) -> Iterator[list[str]]:
    """The words behind `comptoir` in code, in lines and in running text; a line that goes on is one."""
    prose = FENCED.sub("", text)
    for code in [*FENCED.findall(text), *INDENTED.findall(prose), *INLINE.findall(prose)]:
        for line in code.replace("\\\n", " ").splitlines():
            yield from (shlex.split(found) for found in COMMAND.findall(POSTFIX.sub("", line.partition("  #")[0])))


def mistake(words: Iterable[str]) -> str | None:
    """Say what is wrong with a command; None if nothing is. Arguments after the command's name may be anything."""
    command: click.Command = main
    for word in words:
        if word.startswith("-"):
            options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
            if word.partition("=")[0] not in options | {"--help", "--version"}:
                return f"{command.name} has no {word}"
        elif isinstance(command, click.Group):
            if word not in command.commands:
                return f"{command.name} has no command {word}"
            command = command.commands[word]
    return None


@every_page
def test_every_command_exists_with_its_options(page: Path) -> None:
    assert not [wrong for words in commands(read(page)) if (wrong := mistake(words))]


def test_a_command_or_option_that_is_not_there_is_noticed() -> None:
    text = "`comptoir dance`\n\n```sh\nsudo comptoir inbound list --loud\ncomptoir inbound \\\n    sing 1\n```\n"

    wrong = [mistake(words) for words in commands(text)]

    assert sorted(filter(None, wrong)) == [
        "inbound has no command sing",
        "list has no --loud",
        "main has no command dance",
    ]


@every_page
def test_every_variable_is_a_setting(page: Path) -> None:
    named = {
        name.removesuffix("_FILE") if name.endswith("_KEY_FILE") else name for name in VARIABLE.findall(read(page))
    }

    assert {name for name in named if not name.endswith("_")} <= documented_settings().keys()


def functions(path: Path) -> set[str]:
    """The names that a module defines."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def missing(page: Path) -> Iterator[str]:
    text = FENCED.sub("", read(page))
    for name in (name for name in FOLDER.findall(text) if not name.startswith(NOT_OURS)):
        if not (ROOT / name).is_dir():
            yield name
    for name, function in FILE.findall(text):
        if name.startswith(NOT_OURS):
            continue
        path = ROOT / name
        if not path.is_file():
            yield name
        elif function and function not in functions(path):
            yield f"{name}: {function}"


@every_page
def test_every_file_and_function_that_is_named_exists(page: Path) -> None:
    assert not list(missing(page))


def test_the_architecture_names_files_and_functions() -> None:
    named = FILE.findall(read(ROOT / "docs" / "architecture.md"))

    assert len([function for _, function in named if function]) >= 5
