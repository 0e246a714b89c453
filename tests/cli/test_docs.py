#!/usr/bin/python3
"""Hold README.md and docs/ against the sources: tables, snippets and the files they name."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = re.compile(r"`((?:lib|patterns|tools|bench|tests|docs)/[\w./*-]*\w[\w.*/-]*)`")


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def section(markdown, heading):
    """What stands below a heading, up to the next of its level."""
    level = heading.split()[0]
    _, _, rest = markdown.partition(f"\n{heading}\n")
    assert rest, f"no heading {heading}"
    return re.split(rf"^{level} ", rest, flags=re.M)[0]


def table_rows(markdown):
    """The cells of each row of the tables in a text, heads and rules left out."""
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")]
            for line in markdown.splitlines() if line.startswith("|")]
    return [row for row in rows if not set("".join(row)) <= set("-: ")]


def codes():
    """{number: name} of lib/base/error.h."""
    found = re.findall(r"^    X \((\w+), (\d+), \"", text("lib/base/error.h"), re.M)
    return {int(number): name for name, number in found}


def reasons():
    """{name on the wire: code} of lib/base/error.h."""
    found = re.findall(r"X \(\w+, (\w+), \"([\w-]+)\"", text("lib/base/error.h"))
    return {name: code for code, name in found}


def test_every_code_of_the_protocol_is_that_of_the_library():
    rows = table_rows(section(text("docs/PROTOCOL.md"), "## 11. Errors"))
    told = {int(row[i]): row[i + 1] for row in rows if len(row) == 4 for i in (0, 2)
            if row[i].isdigit() and row[i + 1].isupper()}
    known = codes()
    known.pop(0)
    assert told == known, sorted(set(told.items()) ^ set(known.items()))


def test_every_reason_of_the_protocol_has_its_code():
    rows = table_rows(section(text("docs/PROTOCOL.md"), "## 11. Errors"))
    numbers = {name: number for number, name in codes().items()}
    seen = 0
    for row in rows:
        if row[0] in reasons() and row[1].isdigit():
            assert int(row[1]) == numbers[reasons()[row[0]]], row
            seen += 1
    assert seen >= 8, seen


def test_every_header_of_the_protocol_is_read_and_no_other():
    rows = table_rows(section(text("docs/PROTOCOL.md"), "## 8. Headers"))
    told = {row[0] for row in rows[1:]}
    known = re.search(r"s_header_names\[\w*\] = \{(.*?)\}", text("lib/data/wire.c"), re.S)[1]
    assert told == set(re.findall(r'"(\w+)"', known)), told


def test_every_kind_of_the_protocol_is_that_of_the_wire():
    rows = table_rows(section(text("docs/PROTOCOL.md"), "## 4. Bodies"))
    told = {int(row[0]): row[1].replace(" ", "_").upper() for row in rows
            if row[0].isdigit() and row[2]}
    known = re.findall(r"ZLOOM__(\w+) = (\d+)", text("lib/data/wire_internal.h"))
    assert told == {int(number): name for name, number in known}, told


def test_every_type_of_a_signature_is_told():
    rows = table_rows(section(text("docs/PROTOCOL.md"), "## 13. Names and signatures"))
    told = {word.strip(" `") for row in rows[1:] for word in row[0].split(",")}
    known = re.findall(r'\{"(\w+)", (?:BIT|UINT32)', text("patterns/reqrep/signature.c"))
    assert told == set(known), told ^ set(known)


def test_the_c_of_the_readme_stands_in_the_examples():
    lines = {line.strip() for path in (ROOT / "docs" / "examples").glob("*.c")
             for line in path.read_text(encoding="utf-8").splitlines()}
    blocks = re.findall(r"^```c\n(.*?)^```$", text("README.md"), re.M | re.S)
    assert blocks
    for block in blocks:
        for line in block.splitlines():
            assert line.strip() in lines, line


def test_every_file_that_is_named_exists():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        for name in FILES.findall(page.read_text(encoding="utf-8")):
            assert list(ROOT.glob(name.rstrip("/"))), f"{page.name}: {name}"


def main():
    failed = passed = 0
    for name, test in sorted(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            test()
            passed += 1
        except AssertionError as error:
            failed += 1
            print(f"FAIL   {name}: {error}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
