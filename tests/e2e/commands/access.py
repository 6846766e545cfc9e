"""What a stock client needs in its environment."""

from collections.abc import Mapping

from tests.e2e.keystone_site import Site, user_of
from tests.e2e.world import World
from tests.identity_service.keystone import DOMAIN


def access_without_keystone(world: World) -> Mapping[str, str]:
    return {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": world.service.url}


def access_by_keystone(site: Site) -> Mapping[str, str]:
    """Of an administrator in the project blue."""
    return {
        "OS_AUTH_TYPE": "password",
        "OS_AUTH_URL": site.keystone.url,
        "OS_USERNAME": user_of("admin"),
        "OS_PASSWORD": user_of("admin"),
        "OS_USER_DOMAIN_ID": DOMAIN,
        "OS_PROJECT_ID": site.projects["blue"],
        "OS_REGION_NAME": "RegionOne",
        "OS_IDENTITY_API_VERSION": "3",
    }
