"""Calls of neutronclient's bindings, asked for on standard input, answered on standard output, one line of JSON each.

Run by the end-to-end tests with the Python of ``.clients/neutronclient-14``, which knows nothing of Evenload, hence no
import of it here. Arguments: the service's URL, and a user and a password where it asks for them.

    > ["list_pools", [], {"name": "p"}]            method, arguments, keyword arguments
    < {"answer": {"pools": []}}
    > ["show_pool", ["5a6…"], {}]
    < {"kinds": ["NotFound", "NeutronClientException", …], "status": 404, "message": "Pool 5a6… could not be found"}
"""

import json
import logging
import sys
from typing import Any

from keystoneauth1 import http_basic, session
from neutronclient.common import exceptions
from neutronclient.v2_0 import client


def main() -> None:
    logging.disable(logging.WARNING)  # that the bindings are deprecated
    neutron = connect(*sys.argv[1:])
    for line in sys.stdin:
        method, arguments, filters = json.loads(line)
        try:
            written = {"answer": getattr(neutron, method)(*arguments, **filters)}
        except exceptions.NeutronException as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            written = {"kinds": kinds, "status": getattr(error, "status_code", 0), "message": str(error)}
        print(json.dumps(written), flush=True)


def connect(url: str, user: str = "", password: str = "") -> Any:
    if not user:
        return client.Client(auth_strategy="noauth", endpoint_url=url)
    who = http_basic.HTTPBasicAuth(endpoint=url, username=user, password=password)
    return client.Client(session=session.Session(auth=who))


if __name__ == "__main__":
    main()
