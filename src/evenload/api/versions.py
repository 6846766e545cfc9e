"""Version documents, the one thing clients read before anything else; and where the service is asked for its health.

Only versions whose feature exists are announced, in ascending order, the last one CURRENT: clients take the last or
highest one and switch features on by it (cloud-provider-openstack needs 2.1 for timeouts, 2.5 for tags, 2.6 for
flavors, 2.12 for allowed CIDRs, 2.14 for availability zones). So there are gaps: 2.2 is UDP, 2.8 TLS authentication,
2.13 SOURCE_IP_PORT; what a client sends of those all the same is refused with the attribute's name. What is later than
2.14 is not announced, though some of it is accepted: a number above 2.15 would promise HTTP monitors on UDP pools.

``/v2`` and ``/v2.0`` answer with the same document, which Octavia does not: an endpoint that ends in one of them works.
"""

import falcon

from evenload.api.context import Facade, answer

_VERSIONS = (
    ("v2.0", "2016-12-11T00:00:00Z"),
    ("v2.1", "2018-04-20T00:00:00Z"),
    ("v2.4", "2018-12-19T00:00:00Z"),
    ("v2.5", "2019-01-21T00:00:00Z"),
    ("v2.6", "2019-01-25T00:00:00Z"),
    ("v2.9", "2019-03-04T00:00:00Z"),
    ("v2.10", "2019-03-05T00:00:00Z"),
    ("v2.11", "2019-06-24T00:00:00Z"),
    ("v2.12", "2019-09-11T00:00:00Z"),
    ("v2.14", "2019-11-10T00:00:00Z"),
)
CURRENT = _VERSIONS[-1][0]
PATHS = ("/", "/v2", "/v2.0", "/v2/lbaas", "/v2.0/lbaas")


class VersionDocument:
    public = True

    def __init__(self, facade: Facade) -> None:
        self._facade = facade

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        address = f"{self._facade.base(request)}/v2"
        versions = [
            {
                "id": identifier,
                "status": "CURRENT" if identifier == CURRENT else "SUPPORTED",
                "updated": updated,
                "links": [{"href": address, "rel": "self"}],
            }
            for identifier, updated in _VERSIONS
        ]
        answer(response, {"versions": versions})


class HealthCheck:
    """The process answers: that is all it says. Only the status code is a contract."""

    public = True

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        kind = request.client_prefers((falcon.MEDIA_TEXT, falcon.MEDIA_HTML, falcon.MEDIA_JSON))
        if kind == falcon.MEDIA_JSON:
            answer(response, {"detailed": False, "reasons": ["OK"]})
        elif kind == falcon.MEDIA_HTML:
            response.content_type = falcon.MEDIA_HTML
            response.text = "<html><body><p>OK</p></body></html>"
        else:
            response.content_type = falcon.MEDIA_TEXT
            response.text = "OK"

    on_head = on_get
