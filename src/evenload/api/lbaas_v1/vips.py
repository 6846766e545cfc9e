"""``/lb/vips``."""

from evenload.api.attributes import Given
from evenload.api.lbaas_v1 import names, schema, translate
from evenload.api.lbaas_v1.pools import PoolKind
from evenload.api.lbaas_v1.present import VIP_COLUMNS, Json, present_vip
from evenload.api.lbaas_v1.resources import Found, V1Kind, Viewer
from evenload.model.query import Query
from evenload.service.lbaas_v1.vips import Vips


class VipKind(V1Kind):
    word = "vip"
    schema = schema.VIP
    columns = VIP_COLUMNS
    names = names.VIP_COMPLAINTS

    def __init__(self, service: Vips, pools: PoolKind) -> None:
        self._service = service
        self._pools = pools

    def create(self, viewer: Viewer, project_id: str, given: Given) -> Json:
        self._pools.seen(viewer, given.own["pool_id"])
        draft = translate.vip_draft(given, every_project=viewer.allows("get_subnet:global", project_id))
        return present_vip(self._service.create(project_id, draft))

    def update(self, viewer: Viewer, found: Found, given: Given) -> Json:
        if "pool_id" in given.own:
            self._pools.seen(viewer, given.own["pool_id"])
        return present_vip(self._service.update(found.shown["id"], translate.vip_changes(given)))

    def delete(self, id: str) -> None:
        self._service.delete(id)

    def find(self, id: str) -> Found:
        view = self._service.get(id)
        return Found(shown=present_vip(view), deleting=view.listener.deleting)

    def all(self, query: Query) -> list[Json]:
        filters = {"default_pool_id" if name == "pool_id" else name: query.filters[name] for name in query.filters}
        return [present_vip(view) for view in self._service.list(Query(filters=filters))]
