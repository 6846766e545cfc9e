"""What MkDocs makes of pages that a forge shows as they are (``mkdocs.yml``).

- Pages of the repository's root are pages of the site, too (``ROOT_PAGES``), and links lead to the one or the other.
- A paragraph that is nothing but a link to a file of the repository becomes the file; the sample of the settings
  becomes a table for each section.
- Any other link out of the documentation becomes its words: the site does not know where the sources are shown.
- An entry of ``nav`` that is a folder becomes all of its pages.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ROOT_PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "report-a-fault.md",
    "CHANGELOG.md": "changelog.md",
}
SAMPLE = "packaging/evenload.conf"
LANGUAGES = {
    ".tf": "terraform",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".go": "go",
    ".py": "python",
    ".conf": "ini",
    ".sh": "sh",
}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#:]*)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^\s*```")


def on_config(config: Any) -> Any:
    config.nav = [_expand(entry) for entry in config.nav]
    return config


def on_files(files: Any, config: Any) -> Any:
    from mkdocs.structure.files import File

    for source, page in ROOT_PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    origin = {made: source for source, made in ROOT_PAGES.items()}
    path = page.file.src_uri
    return render_page(markdown, origin.get(path, f"docs/{path}"), path)


def render_page(markdown: str, source: str, page: str) -> str:
    """``source``: the file in the repository; ``page``: its place in the site."""
    lines, within = [], False
    for line in markdown.splitlines():
        within ^= bool(_FENCE.match(line))
        lines.append(line if within else _line(line, source, page))
    return "\n".join(lines) + "\n"


def _line(line: str, source: str, page: str) -> str:
    alone = _LINK.fullmatch(line)
    if alone and (file := _resolve(source, alone[3])) and _place(file) is None and (ROOT / file).is_file():
        return render_settings((ROOT / file).read_text()) if file == SAMPLE else render_file(file)
    return _LINK.sub(lambda link: _link(link, source, page), line)


def _link(link: re.Match[str], source: str, page: str) -> str:
    picture, label, target, anchor = link[1], link[2], link[3], link[4] or ""
    if not target:
        return link[0]
    place = _place(_resolve(source, target))
    if place is None:
        return label
    return f"{picture}[{label}]({posixpath.relpath(place, posixpath.dirname(page) or '.')}{anchor})"


def _resolve(source: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), target))


def _place(file: str) -> str | None:
    """Where the site has a file of the repository; None: nowhere."""
    if file in ROOT_PAGES:
        return ROOT_PAGES[file]
    return file.removeprefix("docs/") if file.startswith("docs/") else None


def render_file(file: str) -> str:
    text = (ROOT / file).read_text().rstrip("\n")
    return f'``` {LANGUAGES.get(posixpath.splitext(file)[1], "text")} title="{file}"\n{text}\n```'


def render_settings(sample: str) -> str:
    """A heading and a table for each section."""
    rows, told = [], []
    for line in sample.splitlines():
        if line.startswith("["):
            rows += ["", f"### {line}", "", "| Setting | Default | |", "|---|---|---|"]
        elif setting := re.match(r"#(\w+) =(.*)$", line):
            meaning = " ".join(told).replace("|", "\\|")
            value = setting[2].strip()
            rows.append(f"| `{setting[1]}` | {f'`{value}`' if value else ''} | {meaning} |")
            told = []
        elif line.startswith("# "):
            told.append(line[2:])
        else:
            told = []
    return "\n".join(rows)


def _expand(entry: Any) -> Any:
    if isinstance(entry, dict):
        return {name: _expand(value) for name, value in entry.items()}
    if isinstance(entry, list):
        return [_expand(each) for each in entry]
    if entry.endswith("/"):
        return [f"{entry}README.md", *sorted(entry + path.name for path in (ROOT / "docs" / entry).glob("0*.md"))]
    return entry
