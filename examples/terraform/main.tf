terraform {
  required_providers {
    openstack = {
      source = "terraform-provider-openstack/openstack"
    }
  }
}

# Keystone's address, user and project come from OS_CLOUD or OS_AUTH_URL and its fellows.
provider "openstack" {}

data "openstack_networking_subnet_v2" "web" {
  name = "web"
}

resource "openstack_lb_loadbalancer_v2" "shop" {
  name          = "shop"
  vip_subnet_id = data.openstack_networking_subnet_v2.web.id
  vip_address   = "10.78.0.150"
}

resource "openstack_lb_listener_v2" "http" {
  name            = "http"
  loadbalancer_id = openstack_lb_loadbalancer_v2.shop.id
  protocol        = "HTTP"
  protocol_port   = 80
}

resource "openstack_lb_pool_v2" "web" {
  name        = "web"
  listener_id = openstack_lb_listener_v2.http.id
  protocol    = "HTTP"
  lb_method   = "ROUND_ROBIN"
}

resource "openstack_lb_monitor_v2" "alive" {
  pool_id     = openstack_lb_pool_v2.web.id
  type        = "HTTP"
  url_path    = "/"
  delay       = 5
  timeout     = 3
  max_retries = 2
}

resource "openstack_lb_member_v2" "web1" {
  name          = "web1"
  pool_id       = openstack_lb_pool_v2.web.id
  address       = "10.78.0.10"
  protocol_port = 8080
}

output "url" {
  value = "http://${openstack_lb_loadbalancer_v2.shop.vip_address}/"
}
