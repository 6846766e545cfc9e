"""Where LBaaS v1 and the model call the same thing by different names: the only place that says so."""

from collections.abc import Mapping

Names = Mapping[str, str]

# API name → model name.
VIP: Names = {"protocol_port": "port"}
POOL: Names = {"lb_method": "algorithm"}
MEMBER: Names = {"protocol_port": "port"}
HEALTH_MONITOR: Names = {"max_retries": "fall"}


def _turned(names: Names, **more: str) -> Names:
    return {**{model: api for api, model in names.items()}, **more}


# Model name → API name, for the field that an error names; with words of the model that no attribute has for itself.
VIP_COMPLAINTS = _turned(
    VIP,
    default_pool_id="pool_id",
    vip_subnet_id="subnet_id",
    vip_address="address",
    cookie_name="session_persistence.cookie_name",
)
POOL_COMPLAINTS = _turned(POOL)
MEMBER_COMPLAINTS = _turned(MEMBER)
HEALTH_MONITOR_COMPLAINTS = _turned(HEALTH_MONITOR, method="http_method", http="http_method")
