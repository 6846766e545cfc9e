"""Calls of neutronclient's bindings, asked for on standard input, answered on standard output, one line of JSON each.

Run by the end-to-end tests with the Python of ``.clients/neutronclient-14``, which knows nothing of Evenload, hence no
import of it here.

    > ["list_pools", [], {"name": "p"}]            method, arguments, keyword arguments
    < {"answer": {"pools": []}}
    > ["show_pool", ["5a6…"], {}]
    < {"kinds": ["NotFound", "NeutronClientException", …], "status": 404, "message": "Pool 5a6… could not be found"}
"""

import json
import logging
import sys

from neutronclient.common import exceptions
from neutronclient.v2_0 import client


def main() -> None:
    logging.disable(logging.WARNING)  # that the bindings are deprecated
    neutron = client.Client(auth_strategy="noauth", endpoint_url=sys.argv[1])
    for line in sys.stdin:
        method, arguments, filters = json.loads(line)
        try:
            written = {"answer": getattr(neutron, method)(*arguments, **filters)}
        except exceptions.NeutronException as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            written = {"kinds": kinds, "status": getattr(error, "status_code", 0), "message": str(error)}
        print(json.dumps(written), flush=True)


if __name__ == "__main__":
    main()
