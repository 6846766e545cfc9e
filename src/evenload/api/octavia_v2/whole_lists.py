"""Lists of which there are few objects, so that the service gives them whole: filters, order and page come here.

For what belongs to no project.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import falcon

from evenload.api.context import Facade, answer, parameters_of
from evenload.api.paging import Column, Wanted, links, read_list
from evenload.api.selection import select
from evenload.model.errors import Invalid

Json = dict[str, Any]


def read_whole(facade: Facade, request: falcon.Request, columns: Mapping[str, Column]) -> Wanted:
    """In the order in which they are given, unless another is asked for. Raises Invalid for a project, as for every
    parameter that the list does not know."""
    wanted = read_list(
        parameters_of(request),
        columns,
        page_limit=facade.settings.page_limit,
        tags=False,
        default_sort=(),
    )
    if wanted.project_id is not None:
        raise Invalid("One or more arguments are either duplicate or invalid: project_id", field="project_id")
    return wanted


def answer_whole(
    facade: Facade,
    request: falcon.Request,
    response: falcon.Response,
    wanted: Wanted,
    objects: Sequence[Json],
    *,
    plural: str,
    links_key: str | None,
    key: str,
) -> None:
    """``links_key`` None: of a list that has no links."""
    page, more = select(objects, wanted.query, key=key)
    answer_selected(facade, request, response, wanted, page, more=more, plural=plural, links_key=links_key, key=key)


def answer_selected(
    facade: Facade,
    request: falcon.Request,
    response: falcon.Response,
    wanted: Wanted,
    page: Sequence[Json],
    *,
    more: bool,
    plural: str,
    links_key: str | None,
    key: str,
) -> None:
    """A page that was chosen already."""
    content: Json = {plural: [chosen_fields(each, wanted.fields) for each in page]}
    if links_key is not None:
        names = [each[key] for each in page]
        address = facade.address(request)
        content[links_key] = links(address, parameters_of(request), wanted.query, names, more=more)
    answer(response, content)


def chosen_fields(shown: Json, wanted: Iterable[str] | None) -> Json:
    """Those that are wanted; unknown ones are passed over."""
    return shown if wanted is None else {name: shown[name] for name in wanted if name in shown}
