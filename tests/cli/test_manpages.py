#!/usr/bin/python3
"""Hold the man pages and the tables of the command equal, both ways.

`zloom help --options` prints the tables. A verb's page must have its summary,
its arguments, and every option with its letter, value, default and choices; and
no option more. zloom(1) must list every verb and every exit code.
"""

import os
import pathlib
import re
import subprocess
import sys

ZLOOM = os.environ.get("ZLOOM", "build/zloom")
PAGES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "man"

ITEM = re.compile(r"^\.It (?:Fl (?P<letter>\w) , )?Fl -(?P<name>\S+)(?: Ar (?P<value>.+))?$")
DEFAULT = re.compile(r"Default: (\S+)\.$", re.M)


class Option:
    """A row of a table, or an item of a page."""

    def __init__(self, name, letter, value, default, text):
        self.name, self.letter, self.value, self.default = name, letter, value, default
        self.text = text

    def shape(self):
        return (self.name, self.letter, self.value, self.default)


class Command:
    def __init__(self, name, arguments, summary):
        self.name, self.arguments, self.summary = name, arguments, summary
        self.options = {}


def tables():
    """What the command says: {verb: Command}, {exit code: text}."""
    told = subprocess.run([ZLOOM, "help", "--options"], capture_output=True, text=True, check=True,
                          timeout=10).stdout
    commands, codes = {}, {}
    for line in told.splitlines():
        kind, *fields = line.split("\t")
        if kind == "command":
            commands[fields[0]] = Command(*fields[:3])
        elif kind == "option":
            verb, name, letter, value, default, *rest = fields
            option = Option(name.lstrip("-"), letter, value, default, rest[1:])
            commands[verb].options[option.name] = option
        elif kind == "exit":
            codes[fields[0]] = fields[1]
    return commands, codes


def plain(roff):
    """Roff's ways to write characters, undone."""
    return roff.replace("\\(dq", '"').replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")


def sections(path):
    """{heading: its lines} of a page."""
    found, lines = {}, []
    for line in plain(path.read_text(encoding="utf-8")).splitlines():
        if line.startswith(".Sh "):
            lines = found[line[4:]] = []
        else:
            lines.append(line)
    return found


def items(lines):
    """The items of a list, as (its line, its text)."""
    found = []
    for line in lines:
        if line.startswith(".It "):
            found.append((line, []))
        elif found and not line.startswith((".Bl", ".El")):
            found[-1][1].append(line)
    return [(line, "\n".join(text)) for line, text in found]


def page_options(lines):
    options = {}
    for line, text in items(lines):
        match = ITEM.match(line)
        if not match:
            continue
        default = DEFAULT.search(text)
        option = Option(match["name"], match["letter"] or "", match["value"] or "",
                        default[1] if default else "", text)
        options[option.name] = option
    return options


def words(arguments):
    """Names without the brackets and dots that say how often."""
    return re.findall(r"[A-Za-z][\w=:/-]*", arguments)


def synopsis_words(lines):
    text = " ".join(lines)
    text = re.sub(r"\.?\b(?:Nm zloom \S+|Ar|Op|Oo|Oc|Cm|Nm)\b", " ", text)
    found = words(text.replace("|", " "))
    return found[:found.index("OPTION")] if "OPTION" in found else found


def check_page(command):
    """What is wrong with the page of a verb, a line each."""
    path = PAGES / f"zloom-{command.name}.1"
    if not path.is_file():
        return [f"there is no {path.name}"]
    page = sections(path)
    wrong = [f"no section {name}" for name in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS",
                                                 "EXIT STATUS", "EXAMPLES") if name not in page]
    if wrong:
        return wrong
    summary = command.summary[0].lower() + command.summary[1:]
    if f".Nd {summary}" not in page["NAME"]:
        wrong.append(f"the summary of the table is: {summary}")
    if synopsis_words(page["SYNOPSIS"]) != words(command.arguments):
        wrong.append(f"the arguments of the table are: {command.arguments}")
    return wrong + check_options(command.options, page_options(page["OPTIONS"]))


def check_options(table, page):
    wrong = [f"--{name} is not in the table" for name in page if name not in table]
    for name, row in table.items():
        if name not in page:
            wrong.append(f"--{name} is missing")
        elif page[name].shape() != row.shape():
            wrong.append(f"--{name} is {page[name].shape()}, in the table {row.shape()}")
        else:
            wrong += [f"--{name} can be {choice} too" for choice in " ".join(row.text).split()
                      if not re.search(rf"\b{re.escape(choice)}\b", page[name].text)]
    return wrong


def check_overview(commands, codes):
    page = sections(PAGES / "zloom.1")
    verbs = {line.split()[2] for line, _ in items(page["DESCRIPTION"])
             if line.startswith(".It Cm ")}
    told = {line.split()[1]: text.strip() for line, text in items(page["EXIT STATUS"])}
    wrong = []
    if verbs != set(commands):
        wrong.append(f"the verbs are {sorted(commands)}")
    if told != codes:
        wrong.append(f"the exit codes are {codes}")
    return wrong


def check_examples(path, commands):
    """Every command line of a page must have a verb and options that exist."""
    wrong = []
    for line in sections(path).get("EXAMPLES", []):
        for verb, rest in re.findall(r"\bzloom (\w+)([^|]*)", line) if "$ " in line else []:
            if verb not in commands:
                wrong.append(f"example: no verb {verb}")
                continue
            for name in re.findall(r"(?<=\s)--([\w-]+)", rest):
                if name not in commands[verb].options:
                    wrong.append(f"example: {verb} has no --{name}")
    return wrong


def main():
    commands, codes = tables()
    found = {command.name: check_page(command) for command in commands.values()}
    found["zloom(1)"] = check_overview(commands, codes)
    for path in sorted(PAGES.glob("*.[17]")):
        found[f"{path.name}, examples"] = check_examples(path, commands)
        if path.name.startswith("zloom-") and path.suffix == ".1":
            verb = path.stem[len("zloom-"):]
            found[path.name] = [] if verb in commands else ["there is no such verb"]
    for name, wrong in found.items():
        for line in wrong:
            print(f"{name}: {line}")
    failed = sum(bool(wrong) for wrong in found.values())
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
