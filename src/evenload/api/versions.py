"""Version documents, the one thing clients read before anything else; and where the service is asked for its health.

All of Octavia's versions are announced, v2.0 to v2.30 in ascending order, the last one CURRENT: clients take the last
or the highest one and switch features on by it (cloud-provider-openstack needs 2.1 for timeouts, 2.5 for tags, 2.6 for
flavors, 2.12 for allowed CIDRs, 2.14 for availability zones, 2.16 for HTTP monitors on UDP). A number says, as with
Octavia, that the API knows the attributes of that version; a provider may refuse one with 501, by its name.
``tests/unit/api/test_version_rows.py`` has a row for what each number promises (docs/adr/0021-versions.md).

``/v2`` and ``/v2.0`` answer with the same document, which Octavia does not: an endpoint that ends in one of them works.
"""

import falcon

from evenload.api.context import Facade, answer

_VERSIONS = (
    ("v2.0", "2016-12-11T00:00:00Z"),
    ("v2.1", "2018-04-20T00:00:00Z"),
    ("v2.2", "2018-07-31T00:00:00Z"),
    ("v2.3", "2018-12-18T00:00:00Z"),
    ("v2.4", "2018-12-19T00:00:00Z"),
    ("v2.5", "2019-01-21T00:00:00Z"),
    ("v2.6", "2019-01-25T00:00:00Z"),
    ("v2.7", "2018-01-25T12:00:00Z"),  # as Octavia has it: earlier than the one before
    ("v2.8", "2019-02-12T00:00:00Z"),
    ("v2.9", "2019-03-04T00:00:00Z"),
    ("v2.10", "2019-03-05T00:00:00Z"),
    ("v2.11", "2019-06-24T00:00:00Z"),
    ("v2.12", "2019-09-11T00:00:00Z"),
    ("v2.13", "2019-09-13T00:00:00Z"),
    ("v2.14", "2019-11-10T00:00:00Z"),
    ("v2.15", "2020-03-10T00:00:00Z"),
    ("v2.16", "2020-03-15T00:00:00Z"),
    ("v2.17", "2020-04-29T00:00:00Z"),
    ("v2.18", "2020-04-29T01:00:00Z"),
    ("v2.19", "2020-05-12T00:00:00Z"),
    ("v2.20", "2020-08-02T00:00:00Z"),
    ("v2.21", "2020-09-03T00:00:00Z"),
    ("v2.22", "2020-09-04T00:00:00Z"),
    ("v2.23", "2020-09-07T00:00:00Z"),
    ("v2.24", "2020-10-15T00:00:00Z"),
    ("v2.25", "2021-10-02T00:00:00Z"),
    ("v2.26", "2022-08-29T00:00:00Z"),
    ("v2.27", "2023-05-05T00:00:00Z"),
    ("v2.28", "2023-11-08T00:00:00Z"),
    ("v2.29", "2024-10-15T00:00:00Z"),
    ("v2.30", "2025-02-26T00:00:00Z"),
)
CURRENT = _VERSIONS[-1][0]
PATHS = ("/", "/v2", "/v2/lbaas", "/v2/octavia")


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
