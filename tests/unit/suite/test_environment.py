"""``tools/environment``: the new environment takes the former one's place whole, or not at all."""

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[3] / "tools" / "environment"


def make(directory: Path, lock: str) -> subprocess.CompletedProcess[str]:
    file = directory.with_name("lock")
    file.write_text(lock)
    command = [str(TOOL), sys.executable, str(directory), str(file), "--no-index"]  # nothing has to be fetched
    return subprocess.run(command, capture_output=True, text=True)


def answers(python: Path) -> bool:
    code = "import sys, pip; print(sys.prefix)"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True)
    return done.returncode == 0 and done.stdout.strip() == str(python.parents[1])


def test_the_former_environment_works_until_the_new_one_has_its_place(tmp_path: Path) -> None:
    directory = tmp_path / "environment"
    python = directory / "bin" / "python"
    assert make(directory, "# one\n").returncode == 0
    assert answers(python)
    mark = directory / "made first"
    mark.touch()
    assert make(directory, "# one\n").stdout == ""  # there is nothing to do
    assert mark.exists()

    failed = make(directory, "no-such-package==1 --hash=sha256:" + "0" * 64 + "\n")
    assert failed.returncode == 1
    assert "could not install" in failed.stderr
    assert mark.exists()
    assert answers(python)

    (tmp_path / "lock").write_text("# two\n")
    command = [str(TOOL), sys.executable, str(directory), str(tmp_path / "lock"), "--no-index"]
    renewing = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    asked = []
    while renewing.poll() is None:
        asked.append(answers(python))
    assert renewing.returncode == 0
    assert all(asked)
    assert not mark.exists()
    assert (directory / ".requirements").read_text() == "# two\n"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["environment", "lock"]
    pip = (directory / "bin" / "pip").read_text()
    assert ".new" not in pip
