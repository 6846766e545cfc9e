package main

import (
	"fmt"
	"sort"
	"strings"

	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/monitors"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/pools"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/security/groups"
)

const forwardedFor = "X-Forwarded-For"

// controller does for a Service what the cloud provider does; writes lists what it had to change.
type controller struct {
	*Session
	writes []string
}

type servicePort struct{ port, nodePort int }

type timeouts struct{ client, connect, member, inspect int }

type check struct{ delay, timeout, retries, retriesDown int }

// service is what matters of a Service of type LoadBalancer.
type service struct {
	name           string
	loadID         string // as its annotation has it
	internal       bool
	affinity       bool
	keepClientIP   bool
	healthNodePort int // not zero: external traffic policy Local
	nodes          []string
	ports          []servicePort
	sources        []string
	timeouts       timeouts
	connLimit      int
	check          check
}

func (v *service) fullName() string { return "kube_service_" + cluster + "_default_" + v.name }

func (v *service) protocol() listeners.Protocol {
	if v.keepClientIP {
		return listeners.ProtocolHTTP
	}
	return listeners.ProtocolTCP
}

// reconcile makes the load balancer what the Service says, and tells what there is afterwards.
func (c *controller) reconcile(step string, v *service) error {
	c.writes = []string{}
	subnet, err := c.memberSubnet(v.nodes[0])
	if err != nil {
		return err
	}
	lb, created, err := c.find(v, subnet)
	if err != nil {
		return err
	}
	v.loadID = lb.ID
	if lb.ProvisioningStatus != "ACTIVE" {
		return fmt.Errorf("load balancer is %s", lb.ProvisioningStatus)
	}
	if !created {
		if err := c.ensureListeners(lb, v, subnet); err != nil {
			return err
		}
	}
	floating, err := c.floatingIPs(lb.VipPortID)
	if err != nil {
		return err
	}
	if !contains(lb.Tags, v.fullName()) {
		tags := append(lb.Tags, v.fullName())
		if err := c.retag(lb.ID, tags); err != nil {
			return err
		}
	}
	security, err := c.securityGroups(v)
	if err != nil {
		return err
	}
	facts, err := c.facts(lb.ID)
	if err != nil {
		return err
	}
	facts["floating_ips"], facts["security_groups"], facts["writes"] = floating, security, c.writes
	return c.pause(step, facts)
}

// find gives the load balancer of the Service: that of its annotation, or of its name, today's or the one of old, or a
// new one.
func (c *controller) find(v *service, subnet string) (*loadbalancers.LoadBalancer, bool, error) {
	if v.loadID != "" {
		lb, err := loadbalancers.Get(c.balancing, v.loadID).Extract()
		return lb, false, err
	}
	for _, name := range []string{v.fullName(), "a0123456789abcdef"} {
		pages, err := loadbalancers.List(c.balancing, loadbalancers.ListOpts{Name: name}).AllPages()
		if err != nil {
			return nil, false, err
		}
		found, err := loadbalancers.ExtractLoadBalancers(pages)
		if err != nil {
			return nil, false, err
		}
		if len(found) > 0 {
			return nil, false, fmt.Errorf("there is a load balancer %s already", name)
		}
	}
	options := loadbalancers.CreateOpts{
		Name:        v.fullName(),
		Description: fmt.Sprintf("Kubernetes external service default/%s from cluster %s", v.name, cluster),
		Provider:    c.input.ProviderName,
		VipSubnetID: c.input.SubnetID,
		Tags:        []string{v.fullName()},
	}
	for number, port := range v.ports {
		listener := c.listenerOptions(v, port, number)
		pool := c.poolOptions(v, number)
		pool.Members = c.members(v, port, subnet)
		monitor := c.monitorOptions(v, number)
		pool.Monitor = &monitor
		listener.DefaultPool = &pool
		options.Listeners = append(options.Listeners, listener)
	}
	lb, err := loadbalancers.Create(c.balancing, options).Extract()
	if err != nil {
		return nil, false, err
	}
	c.writes = append(c.writes, "create load balancer")
	lb, err = c.waitActive(lb.ID)
	return lb, true, err
}

func (c *controller) ensureListeners(lb *loadbalancers.LoadBalancer, v *service, subnet string) error {
	present, err := c.listeners(lb.ID)
	if err != nil {
		return err
	}
	byPort := map[int]listeners.Listener{}
	for _, each := range present {
		byPort[each.ProtocolPort] = each
	}
	for _, port := range v.ports {
		if taken, there := byPort[port.port]; there && !contains(taken.Tags, v.fullName()) {
			return fmt.Errorf("the listener port %d already exists", port.port)
		}
	}
	for number, port := range v.ports {
		listener, there := byPort[port.port]
		delete(byPort, port.port)
		if !there {
			options := c.listenerOptions(v, port, number)
			options.LoadbalancerID = lb.ID
			made, err := listeners.Create(c.balancing, options).Extract()
			if err := c.settle(lb.ID, fmt.Sprintf("create listener %d", port.port), err); err != nil {
				return err
			}
			listener = *made
		} else if err := c.updateListener(lb.ID, v, listener); err != nil {
			return err
		}
		pool, err := c.ensurePool(lb.ID, v, listener, port, number, subnet)
		if err != nil {
			return err
		}
		if err := c.ensureMonitor(lb.ID, v, pool, number); err != nil {
			return err
		}
	}
	for _, each := range byPort {
		if contains(each.Tags, v.fullName()) {
			if err := c.deleteListener(lb.ID, each); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *controller) updateListener(lbID string, v *service, listener listeners.Listener) error {
	options, changed := listeners.UpdateOpts{}, false
	number := func(wanted, present int, field **int) {
		if wanted != present {
			*field, changed = &wanted, true
		}
	}
	number(v.connLimit, listener.ConnLimit, &options.ConnLimit)
	number(v.timeouts.client, listener.TimeoutClientData, &options.TimeoutClientData)
	number(v.timeouts.connect, listener.TimeoutMemberConnect, &options.TimeoutMemberConnect)
	number(v.timeouts.member, listener.TimeoutMemberData, &options.TimeoutMemberData)
	number(v.timeouts.inspect, listener.TimeoutTCPInspect, &options.TimeoutTCPInspect)
	if strings.Join(v.sources, " ") != strings.Join(listener.AllowedCIDRs, " ") {
		options.AllowedCIDRs, changed = &v.sources, true
	}
	if !changed {
		return nil
	}
	_, err := listeners.Update(c.balancing, listener.ID, options).Extract()
	return c.settle(lbID, fmt.Sprintf("update listener %d", listener.ProtocolPort), err)
}

func (c *controller) ensurePool(
	lbID string, v *service, listener listeners.Listener, port servicePort, number int, subnet string,
) (*pools.Pool, error) {
	pool, err := c.poolOf(lbID, listener.ID)
	if err != nil {
		return nil, err
	}
	if pool == nil {
		options := c.poolOptions(v, number)
		options.ListenerID = listener.ID
		pool, err = pools.Create(c.balancing, options).Extract()
		if err := c.settle(lbID, fmt.Sprintf("create pool %d", port.port), err); err != nil {
			return nil, err
		}
	}
	present, err := c.membersOf(pool.ID)
	if err != nil {
		return nil, err
	}
	wanted := c.members(v, port, subnet)
	have, want := []string{}, []string{}
	for _, each := range present {
		have = append(have, fmt.Sprint(each.Name, each.Address, each.ProtocolPort, each.MonitorPort))
	}
	for _, each := range wanted {
		want = append(want, fmt.Sprint(*each.Name, each.Address, each.ProtocolPort, v.healthNodePort))
	}
	sort.Strings(have)
	sort.Strings(want)
	if strings.Join(have, " ") != strings.Join(want, " ") {
		err := pools.BatchUpdateMembers(c.balancing, pool.ID, wanted).ExtractErr()
		if err := c.settle(lbID, fmt.Sprintf("update members %d", port.port), err); err != nil {
			return nil, err
		}
	}
	return pool, nil
}

func (c *controller) ensureMonitor(lbID string, v *service, pool *pools.Pool, number int) error {
	options := c.monitorOptions(v, number)
	options.PoolID = pool.ID
	if pool.MonitorID == "" {
		_, err := monitors.Create(c.balancing, options).Extract()
		return c.settle(lbID, "create monitor "+options.Name, err)
	}
	present, err := monitors.Get(c.balancing, pool.MonitorID).Extract()
	if err != nil {
		return err
	}
	if present.Type != options.Type {
		err := monitors.Delete(c.balancing, present.ID).ExtractErr()
		if err := c.settle(lbID, "delete monitor "+options.Name, err); err != nil {
			return err
		}
		_, err = monitors.Create(c.balancing, options).Extract()
		return c.settle(lbID, "create monitor "+options.Name, err)
	}
	if (check{present.Delay, present.Timeout, present.MaxRetries, present.MaxRetriesDown}) == v.check &&
		present.Name == options.Name {
		return nil
	}
	_, err = monitors.Update(c.balancing, present.ID, monitors.UpdateOpts{
		Name: &options.Name, Delay: v.check.delay, Timeout: v.check.timeout, MaxRetries: v.check.retries,
		MaxRetriesDown: v.check.retriesDown,
	}).Extract()
	return c.settle(lbID, "update monitor "+options.Name, err)
}

// delete ends the Service: with its load balancer where nobody else is on it and a Service made it.
func (c *controller) delete(step string, v *service) error {
	c.writes = []string{}
	lb, err := loadbalancers.Get(c.balancing, v.loadID).Extract()
	if err != nil {
		return err
	}
	shared, others := false, []string{}
	for _, tag := range lb.Tags {
		if tag != v.fullName() {
			others = append(others, tag)
			shared = shared || strings.HasPrefix(tag, "kube_service_")
		}
	}
	floating, err := c.floatingIPs(lb.VipPortID)
	if err != nil {
		return err
	}
	if !shared && strings.HasPrefix(lb.Name, "kube_service_") {
		cascade := loadbalancers.DeleteOpts{Cascade: true}
		if err := loadbalancers.Delete(c.balancing, lb.ID, cascade).ExtractErr(); err != nil {
			return err
		}
		if err := c.waitGone(lb.ID); err != nil {
			return err
		}
		security, err := c.securityGroups(v)
		c.tell(step, Facts{"id": lb.ID, "floating_ips": floating, "security_groups": security})
		return err
	}
	present, err := c.listeners(lb.ID)
	if err != nil {
		return err
	}
	for _, each := range present {
		if contains(each.Tags, v.fullName()) {
			if err := c.deleteListener(lb.ID, each); err != nil {
				return err
			}
		}
	}
	if len(others) == 0 {
		others = []string{""} // an empty list would not be sent
	}
	if err := c.retag(lb.ID, others); err != nil {
		return err
	}
	facts, err := c.facts(lb.ID)
	if err != nil {
		return err
	}
	facts["writes"] = c.writes
	return c.pause(step, facts)
}

func (c *controller) deleteListener(lbID string, listener listeners.Listener) error {
	pool, err := c.poolOf(lbID, listener.ID)
	if err != nil {
		return err
	}
	if pool != nil {
		if pool.MonitorID != "" {
			err := monitors.Delete(c.balancing, pool.MonitorID).ExtractErr()
			if err := c.settle(lbID, fmt.Sprintf("delete monitor %d", listener.ProtocolPort), err); err != nil {
				return err
			}
		}
		err := pools.Delete(c.balancing, pool.ID).ExtractErr()
		if err := c.settle(lbID, fmt.Sprintf("delete pool %d", listener.ProtocolPort), err); err != nil {
			return err
		}
	}
	err = listeners.Delete(c.balancing, listener.ID).ExtractErr()
	return c.settle(lbID, fmt.Sprintf("delete listener %d", listener.ProtocolPort), err)
}

// settle notes a change and waits until the load balancer is ACTIVE again.
func (c *controller) settle(lbID, change string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", change, err)
	}
	c.writes = append(c.writes, change)
	_, err = c.waitActive(lbID)
	return err
}

func (c *controller) retag(lbID string, tags []string) error {
	_, err := loadbalancers.Update(c.balancing, lbID, loadbalancers.UpdateOpts{Tags: &tags}).Extract()
	return c.settle(lbID, "update tags", err)
}

func (c *controller) waitActive(lbID string) (lb *loadbalancers.LoadBalancer, err error) {
	err = poll("ACTIVE", func() (bool, error) {
		if lb, err = loadbalancers.Get(c.balancing, lbID).Extract(); err != nil {
			return false, err
		}
		if lb.ProvisioningStatus == "ERROR" {
			return false, fmt.Errorf("it is in ERROR")
		}
		return lb.ProvisioningStatus == "ACTIVE", nil
	})
	return lb, err
}

func (c *controller) waitGone(lbID string) error {
	return poll("the end of the load balancer", func() (bool, error) {
		_, err := loadbalancers.Get(c.balancing, lbID).Extract()
		if isAbsent(err) {
			return true, nil
		}
		return false, err
	})
}

// What new objects are

func (c *controller) listenerOptions(v *service, port servicePort, number int) listeners.CreateOpts {
	options := listeners.CreateOpts{
		Name:                 fmt.Sprintf("listener_%d_%s", number, v.fullName()),
		Protocol:             v.protocol(),
		ProtocolPort:         port.port,
		ConnLimit:            &v.connLimit,
		Tags:                 []string{v.fullName()},
		TimeoutClientData:    &v.timeouts.client,
		TimeoutMemberConnect: &v.timeouts.connect,
		TimeoutMemberData:    &v.timeouts.member,
		TimeoutTCPInspect:    &v.timeouts.inspect,
		AllowedCIDRs:         v.sources,
	}
	if v.keepClientIP {
		options.InsertHeaders = map[string]string{forwardedFor: "true"}
	}
	return options
}

func (c *controller) poolOptions(v *service, number int) pools.CreateOpts {
	options := pools.CreateOpts{
		Name:     fmt.Sprintf("pool_%d_%s", number, v.fullName()),
		Protocol: pools.Protocol(v.protocol()),
		LBMethod: pools.LBMethodRoundRobin,
	}
	if v.affinity {
		options.Persistence = &pools.SessionPersistence{Type: "SOURCE_IP"}
	}
	return options
}

func (c *controller) members(v *service, port servicePort, subnet string) []pools.BatchUpdateMemberOpts {
	members := []pools.BatchUpdateMemberOpts{}
	for _, node := range v.nodes {
		name, on := node, subnet
		member := pools.BatchUpdateMemberOpts{
			Address: c.input.Addresses[node], ProtocolPort: port.nodePort, Name: &name, SubnetID: &on,
		}
		if v.healthNodePort > 0 {
			member.MonitorPort = &v.healthNodePort
		}
		members = append(members, member)
	}
	return members
}

func (c *controller) monitorOptions(v *service, number int) monitors.CreateOpts {
	options := monitors.CreateOpts{
		Name: fmt.Sprintf("monitor_%d_%s", number, v.fullName()), Type: "TCP", Delay: v.check.delay,
		Timeout: v.check.timeout, MaxRetries: v.check.retries, MaxRetriesDown: v.check.retriesDown,
	}
	if v.healthNodePort > 0 {
		options.Type, options.URLPath, options.HTTPMethod, options.ExpectedCodes = "HTTP", "/healthz", "GET", "200"
	}
	return options
}

// Looking

func (c *controller) listeners(lbID string) ([]listeners.Listener, error) {
	pages, err := listeners.List(c.balancing, listeners.ListOpts{LoadbalancerID: lbID}).AllPages()
	if err != nil {
		return nil, err
	}
	return listeners.ExtractListeners(pages)
}

// poolOf is the default pool of a listener, found as the cloud provider finds it; nil where it has none.
func (c *controller) poolOf(lbID, listenerID string) (*pools.Pool, error) {
	pages, err := pools.List(c.balancing, pools.ListOpts{LoadbalancerID: lbID}).AllPages()
	if err != nil {
		return nil, err
	}
	found, err := pools.ExtractPools(pages)
	if err != nil {
		return nil, err
	}
	for number, pool := range found {
		for _, listener := range pool.Listeners {
			if listener.ID == listenerID {
				return &found[number], nil
			}
		}
	}
	return nil, nil
}

func (c *controller) membersOf(poolID string) ([]pools.Member, error) {
	pages, err := pools.ListMembers(c.balancing, poolID, pools.ListMembersOpts{}).AllPages()
	if err != nil {
		return nil, err
	}
	return pools.ExtractMembers(pages)
}

func (c *controller) floatingIPs(portID string) (int, error) {
	pages, err := floatingips.List(c.network, floatingips.ListOpts{PortID: portID}).AllPages()
	if err != nil {
		return 0, err
	}
	found, err := floatingips.ExtractFloatingIPs(pages)
	return len(found), err
}

func (c *controller) securityGroups(v *service) (int, error) {
	pages, err := groups.List(c.network, groups.ListOpts{Name: "lb-sg-default-" + v.name}).AllPages()
	if err != nil {
		return 0, err
	}
	found, err := groups.ExtractGroups(pages)
	return len(found), err
}

// facts reads the load balancer with all it has.
func (c *controller) facts(lbID string) (Facts, error) {
	lb, err := loadbalancers.Get(c.balancing, lbID).Extract()
	if err != nil {
		return nil, err
	}
	present, err := c.listeners(lbID)
	if err != nil {
		return nil, err
	}
	sort.Slice(present, func(one, other int) bool { return present[one].ProtocolPort < present[other].ProtocolPort })
	shown := []Facts{}
	for _, listener := range present {
		pool, err := c.poolOf(lbID, listener.ID)
		if err != nil {
			return nil, err
		}
		if pool == nil {
			return nil, fmt.Errorf("the listener on %d has no pool", listener.ProtocolPort)
		}
		members, err := c.membersOf(pool.ID)
		if err != nil {
			return nil, err
		}
		monitor, err := monitors.Get(c.balancing, pool.MonitorID).Extract()
		if err != nil {
			return nil, err
		}
		seen := picture(listener, pool, members)
		seen["monitor"] = fmt.Sprintf("%s %d %d %d %d", monitor.Type, monitor.Delay, monitor.Timeout,
			monitor.MaxRetries, monitor.MaxRetriesDown)
		shown = append(shown, seen)
	}
	return Facts{"id": lb.ID, "vip": lb.VipAddress, "tags": lb.Tags, "status": lb.ProvisioningStatus, "listeners": shown}, nil
}

func contains(list []string, wanted string) bool {
	for _, each := range list {
		if each == wanted {
			return true
		}
	}
	return false
}
