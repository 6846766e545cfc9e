"""The sample configuration, made from the options: ``python -m evenload.main.sample > packaging/evenload.conf``."""

import sys
import textwrap
from typing import Any

from oslo_config import cfg

from evenload.main.options import GROUPS

KEYSTONE = """
[keystone_authtoken]

# Only for [api] auth_strategy = keystone: the options of keystonemiddleware and of the keystoneauth1 plugin that
# auth_type names, as in every other service of OpenStack. The user needs the role service in the project service.
# These are the usual ones; differing from the library's defaults are http_connect_timeout, http_request_max_retries
# and service_type.
#auth_type = password
#auth_url = http://127.0.0.1:5000/v3
#username = evenload
#user_domain_name = Default
#project_name = service
#project_domain_name = Default
#password =
#region_name =
#interface = internal

# Where clients get tokens; told in WWW-Authenticate. Default: auth_url.
#www_authenticate_uri =

#cafile =
#insecure = false

# Seconds for one answer of Keystone, and how often it is asked again where it cannot be reached.
#http_connect_timeout = 5
#http_request_max_retries = 1

# Seconds for which the answer is remembered: so long a revoked token may still be taken. -1: Keystone is always asked.
#token_cache_time = 300

# The type in the catalog by which access rules of application credentials name this service.
#service_type = load-balancer

#service_token_roles = service
#service_token_roles_required = true
"""
SERVICE_AUTH = """
[service_auth]

# Only for [secrets] cert_manager = barbican: the user who reads there, the options of the keystoneauth1 plugin that
# auth_type names, as in Octavia. Where nothing stands here, it is the user of [keystone_authtoken].
#auth_type = password
#auth_url = http://127.0.0.1:5000/v3
#username = evenload
#user_domain_name = Default
#project_name = service
#project_domain_name = Default
#password =
"""


def render_sample() -> str:
    """Every option with its help and default, commented out."""
    lines = ["# Evenload. Every setting with its default; remove the # to change one."]
    for group, opts in GROUPS:
        lines += ["", f"[{group or 'DEFAULT'}]"]
        for opt in opts:
            lines += ["", *textwrap.wrap(_explained(opt), 116, initial_indent="# ", subsequent_indent="# ")]
            lines.append(f"#{opt.name} = {_default(opt.default)}".rstrip())
    return "\n".join(lines) + "\n" + KEYSTONE + SERVICE_AUTH


def _explained(opt: Any) -> str:
    choices = getattr(opt.type, "choices", None)
    if choices:
        return f"{opt.help} One of {', '.join(choices)}."
    if isinstance(opt, cfg.ListOpt) and not opt.default and "[,…]" not in opt.help:
        return f"{opt.help} A list, with commas."
    return str(opt.help)


def _default(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case dict():
            return ",".join(f"{key}:{item}" for key, item in value.items())
        case list():
            return ",".join(str(item) for item in value)
        case _:
            return str(value)


if __name__ == "__main__":
    sys.stdout.write(render_sample())
