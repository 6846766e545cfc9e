"""The WSGI application: middleware, error handlers and every facade's routes.

``main`` calls ``build_app``. Nothing here waits for an agent (for what one use case behind it waits, see
service/patience.py), and no request changes anything before its body is
checked, its object found and the policy asked.
"""

import uuid
from typing import Any

import falcon
from falcon.routing import CompiledRouter

from evenload.api import openapi, projects, versions
from evenload.api.audit import Audit
from evenload.api.auth.identity import Identity
from evenload.api.context import ROUTE, Facade
from evenload.api.errors import Errors
from evenload.api.fields import is_plain
from evenload.api.key_manager_v1 import routes as key_manager_routes
from evenload.api.lbaas_v1 import routes as lbaas_v1_routes
from evenload.api.network_v2 import routes as network_routes
from evenload.api.octavia_v2 import openapi as octavia_openapi
from evenload.api.octavia_v2 import routes as octavia_routes
from evenload.api.policy import Policy
from evenload.api.services import Services
from evenload.api.settings import ApiSettings
from evenload.interfaces.secrets import SecretAccess

_SUFFIX = ".json"
_SHORT, _LONG = "/v2", "/v2.0"


def build_app(
    services: Services,
    identity: Identity,
    policy: Policy,
    settings: ApiSettings,
    secret_access: SecretAccess | None = None,
) -> "falcon.App[Any, Any]":
    """``secret_access``: where others than this service say who may read a secret."""
    facade = Facade(policy=policy, settings=settings, secret_access=secret_access)
    middleware: list[Any] = [Audit(settings), _Requests(identity)] if settings.audit else [_Requests(identity)]
    app = falcon.App(middleware=middleware, cors_enable=False, router=Router())
    app.req_options.strip_url_path_trailing_slash = True
    Errors(settings.provider).install(app)
    document = versions.VersionDocument(facade)
    for path in versions.PATHS:
        app.add_route(path, document)
    if settings.healthcheck:
        health = versions.HealthCheck()
        app.add_route("/healthcheck", health)
        app.add_route("/load-balancer/healthcheck", health)
    for path, word in projects.PATHS.items():
        app.add_route(path, projects.Projects(identity, word))
        app.add_route(path + "/{name}", projects.Project(identity, word))
    octavia_routes.add_routes(app, facade, services)
    network_routes.add_routes(app, facade, services.networks)
    lbaas_v1_routes.add_routes(app, facade, services.v1)
    if services.vault is not None:
        key_manager_routes.add_routes(app, facade, services.vault)
    # Asked for as /openapi.json. With the last route all are compiled: 0.1 s that the first caller need not wait for.
    app.add_route("/openapi", openapi.OpenApi(_described), compile=True)
    return app


def _described() -> openapi.Json:
    return openapi.document(
        "Evenload: load balancing, API v2", versions.CURRENT, octavia_openapi.paths(), octavia_openapi.components()
    )


class Router(CompiledRouter):
    """For Octavia as for Neutron ``/v2.0`` is another word for ``/v2``; the routes have the shorter one."""

    def find(self, uri: str, req: falcon.Request | None = None) -> Any:
        if uri.startswith(_LONG) and uri[len(_LONG) : len(_LONG) + 1] in ("", "/"):
            uri = _SHORT + uri.removeprefix(_LONG)
        return super().find(uri, req)


class _Requests:
    """A name for every request, the spellings of a path that Octavia is lenient about, and who is calling.

    Nobody is asked who he is where the resource is public.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        request.context.request_id = identifier = f"req-{uuid.uuid4()}"
        response.set_header("x-openstack-request-id", identifier)
        if request.path.endswith(_SUFFIX):
            request.path = request.path.removesuffix(_SUFFIX)

    def process_resource(
        self, request: falcon.Request, response: falcon.Response, resource: object, params: dict[str, Any]
    ) -> None:
        request.env[ROUTE] = request.uri_template
        if getattr(resource, "public", False):
            return
        # Ids in paths are not looked at, what is none is just not found; but no database need be asked for a NUL.
        if not all(is_plain(value) for value in params.values()):
            raise falcon.HTTPNotFound
        request.context.caller = self._identity.authenticate(request.env)
        request.context.names = getattr(resource, "names", {})
        if not request.client_accepts_json and not getattr(resource, "any_accept", False):
            raise falcon.HTTPNotAcceptable(description="The answers of this service are JSON.")
