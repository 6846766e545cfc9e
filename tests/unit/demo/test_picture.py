import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from demo.picture import render_picture

ROOT = Path(__file__).parents[3]


def test_colours_and_special_characters() -> None:
    drawn = render_picture("$ show", "plain <&>\r\n\x1b[1mbold\x1b[0m and \x1b[31mred\x1b[0m\n\n")
    rows = [child for child in ElementTree.fromstring(drawn) if child.tag.endswith("text")]
    assert ["".join(row.itertext()) for row in rows] == ["$ show", "plain <&>", "bold and red"]
    assert [span.get("class") for span in rows[2]] == ["bold", "red"]


def test_a_command_that_fails_leaves_the_former_picture(tmp_path: Path) -> None:
    file = tmp_path / "picture.svg"
    for number, script in enumerate(("print('first')", "print('second'); raise SystemExit(3)")):
        done = subprocess.run(
            [sys.executable, "-m", "demo.picture", str(file), "title", sys.executable, "-c", script],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 3 * number
    assert "first" in file.read_text()
    assert "second" not in file.read_text()


def test_pictures_of_the_documentation_are_whole() -> None:
    pictures = list((ROOT / "docs/pictures").glob("*.svg"))
    assert pictures
    for picture in pictures:
        assert ElementTree.fromstring(picture.read_text()).tag.endswith("svg")
