"""``/lb/members``."""

from evenload.api.attributes import Given
from evenload.api.lbaas_v1 import names, schema, translate
from evenload.api.lbaas_v1.pools import PoolKind
from evenload.api.lbaas_v1.present import MEMBER_COLUMNS, Json, present_member
from evenload.api.lbaas_v1.resources import Found, V1Kind, Viewer
from evenload.model.errors import ForeignProject
from evenload.model.query import Query
from evenload.service.lbaas_v1.members import V1Members


class MemberKind(V1Kind):
    word = "member"
    schema = schema.MEMBER
    columns = MEMBER_COLUMNS
    names = names.MEMBER_COMPLAINTS

    def __init__(self, service: V1Members, pools: PoolKind) -> None:
        self._service = service
        self._pools = pools

    def project_of(self, viewer: Viewer, given: Given) -> str:
        """Its pool's."""
        named = viewer.named_project(f"create_{self.word}", given)
        pool = self._pools.seen(viewer, given.own["pool_id"]).shown
        project: str = pool["tenant_id"]
        if named not in (None, project):
            raise ForeignProject(f"Pool {pool['id']} belongs to another project.")
        return project

    def create(self, viewer: Viewer, project_id: str, given: Given) -> Json:
        return present_member(self._service.create(given.own["pool_id"], translate.plain_draft(given)))

    def update(self, viewer: Viewer, found: Found, given: Given) -> Json:
        pool_id = given.own.get("pool_id")
        if pool_id is not None:
            self._pools.seen(viewer, pool_id)
        return present_member(self._service.update(found.shown["id"], translate.plain_changes(given), pool_id))

    def delete(self, id: str) -> None:
        self._service.delete(id)

    def find(self, id: str) -> Found:
        record = self._service.get(id)
        return Found(shown=present_member(record), deleting=record.deleting)

    def all(self, query: Query) -> list[Json]:
        return [present_member(record) for record in self._service.list(query)]
