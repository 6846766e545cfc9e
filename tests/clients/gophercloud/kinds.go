package main

import (
	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/l7policies"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/monitors"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/pools"
)

// kind is one of Terraform's resources. post, put, get and remove are the library's calls for it.
type kind struct {
	name     string
	wrapper  string   // around the object in bodies
	optional []string // what is read as nothing where the configuration has nothing
	post     func(c *gophercloud.ServiceClient, parent string, body sent) gophercloud.Result
	put      func(c *gophercloud.ServiceClient, r *resource, body sent) gophercloud.Result
	get      func(c *gophercloud.ServiceClient, r *resource) gophercloud.Result
	remove   func(c *gophercloud.ServiceClient, r *resource) error
}

var balancerKind = &kind{
	name: "openstack_lb_loadbalancer_v2", wrapper: "loadbalancer",
	optional: []string{
		"name", "description", "availability_zone", "vip_qos_policy_id", "tags",
	},
	post: func(c *gophercloud.ServiceClient, parent string, body sent) gophercloud.Result {
		made := loadbalancers.Create(c, body)
		return decoded(made.Result, func() (any, error) { return made.Extract() })
	},
	put: func(c *gophercloud.ServiceClient, r *resource, body sent) gophercloud.Result {
		changed := loadbalancers.Update(c, r.id, body.options.(loadbalancers.UpdateOpts))
		return decoded(changed.Result, func() (any, error) { return changed.Extract() })
	},
	get: func(c *gophercloud.ServiceClient, r *resource) gophercloud.Result {
		got := loadbalancers.Get(c, r.id)
		return decoded(got.Result, func() (any, error) { return got.Extract() })
	},
	remove: func(c *gophercloud.ServiceClient, r *resource) error {
		return loadbalancers.Delete(c, r.id, loadbalancers.DeleteOpts{}).ExtractErr()
	},
}

var listenerKind = &kind{
	name: "openstack_lb_listener_v2", wrapper: "listener",
	optional: []string{
		"description", "default_tls_container_ref", "sni_container_refs", "client_ca_tls_container_ref",
		"client_crl_container_ref", "hsts_max_age", "hsts_include_subdomains", "hsts_preload",
		"insert_headers", "allowed_cidrs", "tags",
	},
	post: func(c *gophercloud.ServiceClient, parent string, body sent) gophercloud.Result {
		made := listeners.Create(c, body)
		return decoded(made.Result, func() (any, error) { return made.Extract() })
	},
	put: func(c *gophercloud.ServiceClient, r *resource, body sent) gophercloud.Result {
		changed := listeners.Update(c, r.id, body.options.(listeners.UpdateOpts))
		return decoded(changed.Result, func() (any, error) { return changed.Extract() })
	},
	get: func(c *gophercloud.ServiceClient, r *resource) gophercloud.Result {
		got := listeners.Get(c, r.id)
		return decoded(got.Result, func() (any, error) { return got.Extract() })
	},
	remove: func(c *gophercloud.ServiceClient, r *resource) error {
		return listeners.Delete(c, r.id).ExtractErr()
	},
}

var poolKind = &kind{
	name: "openstack_lb_pool_v2", wrapper: "pool",
	optional: []string{
		"name", "description", "session_persistence", "ca_tls_container_ref", "crl_container_ref",
		"tls_enabled", "tls_container_ref", "tags",
	},
	post: func(c *gophercloud.ServiceClient, parent string, body sent) gophercloud.Result {
		made := pools.Create(c, body)
		return decoded(made.Result, func() (any, error) { return made.Extract() })
	},
	put: func(c *gophercloud.ServiceClient, r *resource, body sent) gophercloud.Result {
		changed := pools.Update(c, r.id, body)
		return decoded(changed.Result, func() (any, error) { return changed.Extract() })
	},
	get: func(c *gophercloud.ServiceClient, r *resource) gophercloud.Result {
		got := pools.Get(c, r.id)
		return decoded(got.Result, func() (any, error) { return got.Extract() })
	},
	remove: func(c *gophercloud.ServiceClient, r *resource) error {
		return pools.Delete(c, r.id).ExtractErr()
	},
}

var memberKind = &kind{
	name: "openstack_lb_member_v2", wrapper: "member",
	optional: []string{
		"name", "subnet_id", "backup", "monitor_address", "monitor_port", "tags",
	},
	post: func(c *gophercloud.ServiceClient, parent string, body sent) gophercloud.Result {
		made := pools.CreateMember(c, parent, body)
		return decoded(made.Result, func() (any, error) { return made.Extract() })
	},
	put: func(c *gophercloud.ServiceClient, r *resource, body sent) gophercloud.Result {
		changed := pools.UpdateMember(c, r.parent, r.id, body)
		return decoded(changed.Result, func() (any, error) { return changed.Extract() })
	},
	get: func(c *gophercloud.ServiceClient, r *resource) gophercloud.Result {
		got := pools.GetMember(c, r.parent, r.id)
		return decoded(got.Result, func() (any, error) { return got.Extract() })
	},
	remove: func(c *gophercloud.ServiceClient, r *resource) error {
		return pools.DeleteMember(c, r.parent, r.id).ExtractErr()
	},
}

var monitorKind = &kind{
	name: "openstack_lb_monitor_v2", wrapper: "healthmonitor",
	optional: []string{
		"name", "domain_name",
	},
	post: func(c *gophercloud.ServiceClient, parent string, body sent) gophercloud.Result {
		made := monitors.Create(c, body)
		return decoded(made.Result, func() (any, error) { return made.Extract() })
	},
	put: func(c *gophercloud.ServiceClient, r *resource, body sent) gophercloud.Result {
		changed := monitors.Update(c, r.id, body)
		return decoded(changed.Result, func() (any, error) { return changed.Extract() })
	},
	get: func(c *gophercloud.ServiceClient, r *resource) gophercloud.Result {
		got := monitors.Get(c, r.id)
		return decoded(got.Result, func() (any, error) { return got.Extract() })
	},
	remove: func(c *gophercloud.ServiceClient, r *resource) error {
		return monitors.Delete(c, r.id).ExtractErr()
	},
}

var policyKind = &kind{
	name: "openstack_lb_l7policy_v2", wrapper: "l7policy",
	optional: []string{
		"name", "description", "redirect_pool_id", "redirect_url", "redirect_prefix",
	},
	post: func(c *gophercloud.ServiceClient, parent string, body sent) gophercloud.Result {
		made := l7policies.Create(c, body)
		return decoded(made.Result, func() (any, error) { return made.Extract() })
	},
	put: func(c *gophercloud.ServiceClient, r *resource, body sent) gophercloud.Result {
		changed := l7policies.Update(c, r.id, body)
		return decoded(changed.Result, func() (any, error) { return changed.Extract() })
	},
	get: func(c *gophercloud.ServiceClient, r *resource) gophercloud.Result {
		got := l7policies.Get(c, r.id)
		return decoded(got.Result, func() (any, error) { return got.Extract() })
	},
	remove: func(c *gophercloud.ServiceClient, r *resource) error {
		return l7policies.Delete(c, r.id).ExtractErr()
	},
}

var ruleKind = &kind{
	name: "openstack_lb_l7rule_v2", wrapper: "rule",
	optional: []string{
		"key", "invert",
	},
	post: func(c *gophercloud.ServiceClient, parent string, body sent) gophercloud.Result {
		made := l7policies.CreateRule(c, parent, body.options.(l7policies.CreateRuleOpts))
		return decoded(made.Result, func() (any, error) { return made.Extract() })
	},
	put: func(c *gophercloud.ServiceClient, r *resource, body sent) gophercloud.Result {
		changed := l7policies.UpdateRule(c, r.parent, r.id, body)
		return decoded(changed.Result, func() (any, error) { return changed.Extract() })
	},
	get: func(c *gophercloud.ServiceClient, r *resource) gophercloud.Result {
		got := l7policies.GetRule(c, r.parent, r.id)
		return decoded(got.Result, func() (any, error) { return got.Extract() })
	},
	remove: func(c *gophercloud.ServiceClient, r *resource) error {
		return l7policies.DeleteRule(c, r.parent, r.id).ExtractErr()
	},
}

// decoded has the library's own types read the answer as well.
func decoded(result gophercloud.Result, extract func() (any, error)) gophercloud.Result {
	if _, err := extract(); result.Err == nil {
		result.Err = err
	}
	return result
}
