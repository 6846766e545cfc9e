"""Which test types the commands of which page; and those commands that none types, each with its reason."""

TYPED_BY = {
    "docs/start.md": "e2e/test_pages_start.py",
}
"""Page → test (under ``tests``), which types all of its commands but those below."""

NOT_TYPED: dict[tuple[str, str], str] = {}
"""(page, first line of a block or of a command) → why."""
