"""The real clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Fulfils ``interfaces.Clock``."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
