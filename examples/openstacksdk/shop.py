"""A whole load balancer in one call: HTTP on port 80, a member, a health monitor."""

import openstack

cloud = openstack.connect()  # OS_CLOUD names an entry of clouds.yaml
subnet = cloud.network.find_subnet("web", ignore_missing=False)
shop = cloud.load_balancer.create_load_balancer(
    name="shop",
    vip_subnet_id=subnet.id,
    vip_address="10.78.0.150",
    listeners=[
        {
            "name": "http",
            "protocol": "HTTP",
            "protocol_port": 80,
            "default_pool": {
                "name": "web",
                "protocol": "HTTP",
                "lb_algorithm": "ROUND_ROBIN",
                "members": [{"name": "web1", "address": "10.78.0.10", "protocol_port": 8080}],
                "healthmonitor": {"type": "HTTP", "url_path": "/", "delay": 5, "timeout": 3, "max_retries": 2},
            },
        }
    ],
)
cloud.load_balancer.wait_for_load_balancer(shop.id, interval=0.2)
print(f"http://{shop.vip_address}/")
