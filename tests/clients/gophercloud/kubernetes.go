package main

import (
	"fmt"
	"strings"

	"github.com/gophercloud/gophercloud/openstack/common/extensions"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/apiversions"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/pools"
	networkextensions "github.com/gophercloud/gophercloud/openstack/networking/v2/extensions"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/subnets"
)

const cluster = "kubernetes"

// replayKubernetes is the life of two Services of type LoadBalancer, and of one that is put onto a load balancer made by
// hand.
func replayKubernetes(s *Session) error {
	c := &controller{Session: s}
	if err := c.start(); err != nil {
		return err
	}
	web := &service{
		name:      "web",
		internal:  true,
		affinity:  true,
		nodes:     []string{"node1", "node2"},
		ports:     []servicePort{{port: 80, nodePort: s.input.NodePorts[0]}, {port: 443, nodePort: s.input.NodePorts[1]}},
		sources:   []string{s.input.ClientCIDR},
		timeouts:  timeouts{50000, 5000, 50000, 0},
		connLimit: -1,
		check:     check{delay: 5, timeout: 3, retries: 1, retriesDown: 3},
	}
	if err := c.reconcile("create", web); err != nil {
		return err
	}
	if err := c.reconcile("unchanged", web); err != nil {
		return err
	}
	for _, step := range []struct {
		name   string
		change func()
	}{
		{"node added and removed", func() { web.nodes = []string{"node2", "node3"} }},
		{"port added", func() {
			web.ports = append(web.ports, servicePort{port: 8080, nodePort: s.input.NodePorts[2]})
		}},
		{"sources changed", func() { web.sources = []string{s.input.ForeignCIDR} }},
		{"sources changed back", func() { web.sources = []string{s.input.ClientCIDR, s.input.ForeignCIDR} }},
		{"timeouts and limit changed", func() {
			web.timeouts = timeouts{60000, 4000, 70000, 10}
			web.connLimit = 5000
		}},
		{"monitor changed", func() { web.check = check{delay: 7, timeout: 4, retries: 2, retriesDown: 2} }},
		{"traffic policy local", func() { web.healthNodePort = s.input.NodePorts[0] }},
		{"port removed", func() { web.ports = web.ports[:2] }},
	} {
		step.change()
		if err := c.reconcile(step.name, web); err != nil {
			return err
		}
	}
	if err := c.reconcile("still unchanged", web); err != nil {
		return err
	}
	if err := c.share(web); err != nil {
		return err
	}
	if err := c.delete("delete", web); err != nil {
		return err
	}
	return c.adopt()
}

// share puts a second Service onto the load balancer of the first, and takes it away again.
func (c *controller) share(web *service) error {
	second := &service{
		name:      "second",
		loadID:    web.loadID,
		nodes:     []string{"node1"},
		ports:     []servicePort{{port: 8081, nodePort: c.input.NodePorts[0]}},
		timeouts:  web.timeouts,
		connLimit: -1,
		check:     web.check,
	}
	if err := c.reconcile("share", second); err != nil {
		return err
	}
	conflicting := *second
	conflicting.name, conflicting.ports = "third", []servicePort{{port: 443, nodePort: c.input.NodePorts[0]}}
	if err := c.reconcile("port taken", &conflicting); err == nil || !strings.Contains(err.Error(), "already") {
		return fmt.Errorf("a Service took the port of another: %v", err)
	}
	if err := c.reconcile("first beside second", web); err != nil {
		return err
	}
	return c.delete("delete second", second)
}

// adopt puts a Service onto a load balancer that was not made by the controller, which therefore survives it.
func (c *controller) adopt() error {
	made, err := loadbalancers.Create(c.balancing, loadbalancers.CreateOpts{
		Name: "by hand", VipSubnetID: c.input.SubnetID,
	}).Extract()
	if err != nil {
		return err
	}
	if _, err := c.waitActive(made.ID); err != nil {
		return err
	}
	guest := &service{
		name:         "guest",
		loadID:       made.ID,
		keepClientIP: true,
		nodes:        []string{"node1"},
		ports:        []servicePort{{port: 80, nodePort: c.input.NodePorts[0]}},
		timeouts:     timeouts{50000, 5000, 50000, 0},
		connLimit:    -1,
		check:        check{delay: 5, timeout: 3, retries: 1, retriesDown: 3},
	}
	if err := c.reconcile("adopt", guest); err != nil {
		return err
	}
	if err := c.delete("leave", guest); err != nil {
		return err
	}
	if err := loadbalancers.Delete(c.balancing, made.ID, loadbalancers.DeleteOpts{}).ExtractErr(); err != nil {
		return err
	}
	return c.waitGone(made.ID)
}

// start asks what the controller asks when it begins.
func (c *controller) start() error {
	pages, err := apiversions.List(c.balancing).AllPages()
	if err != nil {
		return err
	}
	versions, err := apiversions.ExtractAPIVersions(pages)
	if err != nil {
		return err
	}
	if len(versions) == 0 {
		return fmt.Errorf("no API version is listed")
	}
	pages, err = networkextensions.List(c.network).AllPages()
	if err != nil {
		return err
	}
	known, err := extensions.ExtractExtensions(pages)
	if err != nil {
		return err
	}
	subnet, err := subnets.Get(c.network, c.input.SubnetID).Extract()
	if err != nil {
		return err
	}
	network, err := networks.Get(c.network, subnet.NetworkID).Extract()
	if err != nil {
		return err
	}
	c.tell("start", Facts{
		"version": versions[len(versions)-1].ID, "extensions": len(known) > 0, "cidr": subnet.CIDR,
		"subnets": network.Subnets,
	})
	return nil
}

// memberSubnet is that of the port which has the node's address.
func (c *controller) memberSubnet(node string) (string, error) {
	pages, err := ports.List(c.network, ports.ListOpts{DeviceID: c.input.Servers[node]}).AllPages()
	if err != nil {
		return "", err
	}
	found, err := ports.ExtractPorts(pages)
	if err != nil {
		return "", err
	}
	for _, port := range found {
		for _, fixed := range port.FixedIPs {
			if fixed.IPAddress == c.input.Addresses[node] {
				return fixed.SubnetID, nil
			}
		}
	}
	return "", fmt.Errorf("no port of %s has the address %s", node, c.input.Addresses[node])
}

// picture is a listener with its pool, for the test.
func picture(listener listeners.Listener, pool *pools.Pool, members []pools.Member) Facts {
	names := []string{}
	for _, member := range members {
		names = append(names, fmt.Sprintf("%s %s:%d/%d", member.Name, member.Address, member.ProtocolPort,
			member.MonitorPort))
	}
	return Facts{
		"port": listener.ProtocolPort, "protocol": listener.Protocol, "tags": listener.Tags,
		"allowed_cidrs": listener.AllowedCIDRs, "headers": listener.InsertHeaders,
		"connection_limit": listener.ConnLimit,
		"timeouts": []int{listener.TimeoutClientData, listener.TimeoutMemberConnect, listener.TimeoutMemberData,
			listener.TimeoutTCPInspect},
		"pool": pool.Protocol, "algorithm": pool.LBMethod, "persistence": pool.Persistence.Type, "members": names,
	}
}
