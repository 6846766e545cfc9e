"""Ansible's output as lines of JSON, one for each task on each host. Loaded by ``ansible-playbook``, whose environment
knows nothing of Evenload."""

import json
from typing import Any

from ansible.plugins.callback import CallbackBase  # type: ignore[import-not-found]

DOCUMENTATION = """
name: results
type: stdout
short_description: lines of JSON
description: One line for each task on each host.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "results"

    def v2_runner_on_ok(self, result: Any) -> None:
        _print(result, failed=False)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        _print(result, failed=True)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        _print(result, failed=True)


def _print(result: Any, *, failed: bool) -> None:
    told = {"host": result._host.name, "task": result._task.name, "result": {**result._result, "failed": failed}}
    print(json.dumps(told), flush=True)
