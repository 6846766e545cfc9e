"""What the documentation names is there: tests, files, functions and the pages it links to."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCES = {path.relative_to(ROOT / "src/evenload").as_posix(): path for path in ROOT.glob("src/evenload/**/*.py")}
_TEST = re.compile(r"`((?:unit|root|e2e|contract|walk|golden)/[\w/]+\.py)::(\w+)")
_SOURCE = re.compile(r"`((?:agent|api|bus|host|main|model|ports|render|service|store)/[\w/]+\.py)`")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
_ANCHOR = re.compile(r"\]\(([^)#:]*)#([^)]+)\)")
_ELSEWHERE = re.compile(r"\]\((\w+:[^)]*)\)")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
PAGES = ("*.md", "docs/**/*.md")
_NAME = re.compile(r"`([A-Za-z_][\w.]*)`")


def named(pattern: re.Pattern[str], *pages: str) -> Iterator[tuple[Path, re.Match[str]]]:
    for page in sorted(path for each in pages for path in ROOT.glob(each)):
        for match in pattern.finditer(page.read_text()):
            yield page, match


def test_tests_that_are_named_exist() -> None:
    found = [match for _, match in named(_TEST, "docs/*.md")]
    assert found
    texts = {name: (ROOT / "tests" / name).read_text() for name in {match[1] for match in found}}
    assert [match[0] for match in found if f"def {match[2]}(" not in texts[match[1]]] == []


def test_files_that_are_named_exist() -> None:
    assert [match[1] for _, match in named(_SOURCE, "docs/*.md") if match[1] not in SOURCES] == []


def test_links_lead_somewhere() -> None:
    pages = named(_LINK, *PAGES)
    assert [(page.name, match[1]) for page, match in pages if not (page.parent / match[1]).exists()] == []


def test_anchors_are_headings() -> None:
    """By the rule of forges, which the site follows, too."""
    lost = []
    for page, match in named(_ANCHOR, *PAGES):
        target = page if not match[1] else page.parent / match[1]
        headings = [heading.replace("`", "").lower() for heading in _HEADING.findall(target.read_text())]
        if match[2] not in [re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings]:
            lost.append((page.name, match[0]))
    assert lost == []


def test_links_elsewhere_are_whole_and_safe() -> None:
    links = {match[1] for _, match in named(_ELSEWHERE, *PAGES)}
    assert links
    assert [
        link for link in links if not re.fullmatch(r"https://[\w-]+(\.[\w-]+)+(/[\w./?=&%~-]*)?(#[\w-]+)?", link)
    ] == []


def test_functions_beside_neutrons_exist() -> None:
    """The middle column of the tables with three."""
    text = "\n".join(path.read_text() for path in SOURCES.values())
    rows = [line.split("|") for line in (ROOT / "docs/from-neutron.md").read_text().splitlines()]
    names = {name for row in rows if len(row) == 5 for name in _NAME.findall(row[2])}
    parts = {part for name in names for part in name.split(".")}
    assert len(parts) > 50
    assert sorted(part for part in parts if not re.search(rf"\b{re.escape(part)}\b", text)) == []
