package main

import (
	"fmt"
	"sync"

	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/l7policies"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/monitors"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/pools"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/ports"
)

func text(value string) *string { return &value }
func number(value int) *int     { return &value }
func truth(value bool) *bool    { return &value }

// configuration names what the later steps change.
type configuration struct {
	*terraform
	web, raw, spare        *resource // listeners
	webPool, rawPool, idle *resource
	members                [3]*resource
	webCheck, rawCheck     *resource
	reject, toURL, toPool  *resource
	path, header, cookie   *resource
	batch                  []pools.BatchUpdateMemberOpts // of the idle pool
}

// replayTerraform applies a configuration, changes every resource of it in place, and destroys it.
func replayTerraform(s *Session) error {
	c := &configuration{terraform: &terraform{Session: s}}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"apply", c.apply},
		{"change", c.change},
		{"take away", c.takeAway},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		if err := c.plan(step.name); err != nil {
			return fmt.Errorf("plan after %s: %w", step.name, err)
		}
	}
	return c.destroyAll()
}

// parallel does as Terraform with resources that do not depend on each other.
func parallel(tasks ...func() error) error {
	failures := make([]error, len(tasks))
	var group sync.WaitGroup
	for place, task := range tasks {
		group.Add(1)
		go func(place int, task func() error) {
			defer group.Done()
			failures[place] = task()
		}(place, task)
	}
	group.Wait()
	for _, failure := range failures {
		if failure != nil {
			return failure
		}
	}
	return nil
}

// later is a creation for parallel, which puts the resource where it is wanted.
func (c *configuration) later(into **resource, k *kind, label string, parent func() *resource, body func() sent) func() error {
	return func() (err error) {
		*into, err = c.create(k, label, parent(), body())
		return err
	}
}

func (c *configuration) apply() error {
	_, err := c.create(balancerKind, "lb", nil, body(loadbalancers.CreateOpts{
		Name: "terraform", Description: "by Terraform", VipSubnetID: c.input.SubnetID, AdminStateUp: truth(true),
		Provider: c.input.ProviderName, Tags: []string{"blue", "green"},
	}))
	if err != nil {
		return err
	}
	if err := c.securityGroups(); err != nil {
		return err
	}
	balancer := func() *resource { return c.lb }
	web := func() *resource { return c.web }
	err = parallel(
		c.later(&c.web, listenerKind, "web", balancer, func() sent {
			return body(listeners.CreateOpts{
				LoadbalancerID: c.lb.id, Protocol: "HTTP", ProtocolPort: 80, Name: "web", Description: "the site",
				ConnLimit: number(2000), AdminStateUp: truth(true), TimeoutClientData: number(40000),
				TimeoutMemberConnect: number(3000), TimeoutMemberData: number(41000), TimeoutTCPInspect: number(5),
				InsertHeaders: map[string]string{"X-Forwarded-For": "true", "X-Forwarded-Port": "true"},
				AllowedCIDRs:  []string{c.input.ClientCIDR, c.input.ForeignCIDR}, Tags: []string{"web"},
			})
		}),
		c.later(&c.raw, listenerKind, "raw", balancer, func() sent {
			return body(listeners.CreateOpts{
				LoadbalancerID: c.lb.id, Protocol: "TCP", ProtocolPort: 8443, AdminStateUp: truth(true),
			})
		}),
		c.later(&c.idle, poolKind, "idle", balancer, func() sent {
			return body(pools.CreateOpts{
				LoadbalancerID: c.lb.id, Protocol: "HTTP", LBMethod: "SOURCE_IP", Name: "idle", Description: "in reserve",
				AdminStateUp: truth(true), Tags: []string{"idle"},
				Persistence: &pools.SessionPersistence{Type: "APP_COOKIE", CookieName: "session"},
			})
		}),
	)
	if err != nil {
		return err
	}
	err = parallel(
		c.later(&c.webPool, poolKind, "web", web, func() sent {
			return body(pools.CreateOpts{
				ListenerID: c.web.id, Protocol: "HTTP", LBMethod: "ROUND_ROBIN", AdminStateUp: truth(true),
			})
		}),
		c.later(&c.rawPool, poolKind, "raw", func() *resource { return c.raw }, func() sent {
			return body(pools.CreateOpts{
				ListenerID: c.raw.id, Protocol: "TCP", LBMethod: "LEAST_CONNECTIONS", AdminStateUp: truth(true),
				Persistence: &pools.SessionPersistence{Type: "SOURCE_IP"},
			})
		}),
		c.later(&c.spare, listenerKind, "spare", balancer, func() sent {
			return body(listeners.CreateOpts{
				LoadbalancerID: c.lb.id, Protocol: "HTTP", ProtocolPort: 81, DefaultPoolID: c.idle.id,
				AdminStateUp: truth(false),
			})
		}),
	)
	if err != nil {
		return err
	}
	if err := c.children(); err != nil {
		return err
	}
	return c.rules()
}

// children are what hangs on the pools, and the policies, all at the same time.
func (c *configuration) children() error {
	webPool := func() *resource { return c.webPool }
	web := func() *resource { return c.web }
	tasks := []func() error{
		c.later(&c.webCheck, monitorKind, "web", webPool, func() sent {
			return body(monitors.CreateOpts{
				PoolID: c.webPool.id, Type: "HTTP", Delay: 5, Timeout: 3, MaxRetries: 2, MaxRetriesDown: 4, Name: "check",
				URLPath: "/healthz", HTTPMethod: "HEAD", ExpectedCodes: "200-204", AdminStateUp: truth(true),
			}).with("http_version", 1.1).with("domain_name", "www.example.com")
		}),
		c.later(&c.rawCheck, monitorKind, "raw", func() *resource { return c.rawPool }, func() sent {
			return body(monitors.CreateOpts{
				PoolID: c.rawPool.id, Type: "TCP", Delay: 5, Timeout: 3, MaxRetries: 2, AdminStateUp: truth(true),
			})
		}),
		func() error {
			c.batch = []pools.BatchUpdateMemberOpts{
				c.batchMember("one", "10.88.0.61", 8080, 1), c.batchMember("two", "10.88.0.62", 8080, 7),
			}
			c.batch[1].Backup, c.batch[1].MonitorPort = truth(true), number(8081)
			c.batch[1].MonitorAddress, c.batch[1].SubnetID = text("10.88.0.63"), text(c.input.SubnetID)
			return c.putBatch()
		},
		c.later(&c.reject, policyKind, "reject", web, func() sent {
			return body(l7policies.CreateOpts{
				ListenerID: c.web.id, Action: "REJECT", AdminStateUp: truth(true),
			})
		}),
		c.later(&c.toURL, policyKind, "url", web, func() sent {
			return body(l7policies.CreateOpts{
				ListenerID: c.web.id, Action: "REDIRECT_TO_URL", RedirectURL: "http://www.example.com/", Name: "url",
				RedirectHttpCode: 301, Description: "elsewhere", AdminStateUp: truth(true),
			})
		}),
		c.later(&c.toPool, policyKind, "pool", web, func() sent {
			return body(l7policies.CreateOpts{
				ListenerID: c.web.id, Action: "REDIRECT_TO_POOL", RedirectPoolID: c.idle.id, AdminStateUp: truth(true),
			})
		}),
	}
	for place := range c.members {
		place := place
		tasks = append(tasks, c.later(&c.members[place], memberKind, fmt.Sprint(place), webPool, func() sent {
			options := pools.CreateMemberOpts{
				Address: fmt.Sprintf("10.88.0.%d", 51+place), ProtocolPort: 8080, AdminStateUp: truth(true),
			}
			if place == 1 {
				options.Name, options.Weight, options.Backup = "second", number(0), truth(true)
				options.MonitorAddress, options.MonitorPort = "10.88.0.59", number(8081)
				options.SubnetID, options.Tags = c.input.SubnetID, []string{"rack2"}
			}
			return body(options)
		}))
	}
	return parallel(tasks...)
}

func (c *configuration) rules() error {
	rule := func(into **resource, label string, policy *resource, options l7policies.CreateRuleOpts) func() error {
		return c.later(into, ruleKind, label, func() *resource { return policy }, func() sent {
			options.AdminStateUp = truth(true)
			return body(options)
		})
	}
	return parallel(
		rule(&c.path, "path", c.reject, l7policies.CreateRuleOpts{
			RuleType: "PATH", CompareType: "STARTS_WITH", Value: "/private",
		}),
		rule(&c.header, "header", c.toURL, l7policies.CreateRuleOpts{
			RuleType: "HEADER", CompareType: "EQUAL_TO", Key: "X-Old", Value: "yes", Invert: true,
		}),
		rule(&c.cookie, "cookie", c.toPool, l7policies.CreateRuleOpts{
			RuleType: "COOKIE", CompareType: "CONTAINS", Key: "kind", Value: "idle",
		}),
	)
}

// change gives every resource other values, without making any of them anew.
func (c *configuration) change() error {
	return parallel(
		func() error {
			return c.update(c.lb, body(loadbalancers.UpdateOpts{
				Name: text("renamed"), Description: text("still by Terraform"), Tags: &[]string{"green", "red"},
			}))
		},
		func() error {
			return c.update(c.web, body(listeners.UpdateOpts{
				Name: text("site"), Description: text("the new site"), ConnLimit: number(-1),
				TimeoutClientData: number(50000), TimeoutMemberConnect: number(5000), TimeoutMemberData: number(50000),
				TimeoutTCPInspect: number(0), InsertHeaders: &map[string]string{"X-Forwarded-Proto": "true"},
				AllowedCIDRs: &[]string{c.input.ForeignCIDR}, Tags: &[]string{"site", "web"},
			}))
		},
		func() error {
			return c.update(c.spare, body(listeners.UpdateOpts{
				DefaultPoolID: text(c.webPool.id), AdminStateUp: truth(true),
			}))
		},
		func() error {
			return c.update(c.idle, body(pools.UpdateOpts{
				Name: text("reserve"), LBMethod: "LEAST_CONNECTIONS", AdminStateUp: truth(false),
				Persistence: &pools.SessionPersistence{Type: "HTTP_COOKIE"},
			}).with("description", "for bad times"))
		},
		func() error {
			return c.update(c.members[0], body(pools.UpdateMemberOpts{
				Name: text("first"), Weight: number(20), MonitorAddress: text("10.88.0.58"), MonitorPort: number(8082),
				Backup: truth(true), AdminStateUp: truth(false), Tags: []string{"rack1"},
			}))
		},
		func() error {
			return c.update(c.members[1], body(pools.UpdateMemberOpts{
				Weight: number(3), Backup: truth(false),
			}))
		},
		func() error {
			c.batch = append(c.batch[1:], c.batchMember("three", "10.88.0.64", 8090, 2))
			c.batch[0].Weight, c.batch[0].Name = number(9), text("deux")
			return c.putBatch()
		},
		func() error {
			return c.update(c.webCheck, body(monitors.UpdateOpts{
				Delay: 9, Timeout: 8, MaxRetries: 3, MaxRetriesDown: 5, URLPath: "/alive", HTTPMethod: "GET",
				ExpectedCodes: "200,204", Name: text("pulse"), AdminStateUp: truth(false),
			}).with("domain_name", "new.example.com"))
		},
		func() error {
			return c.update(c.toURL, body(l7policies.UpdateOpts{
				Action: "REDIRECT_TO_POOL", RedirectURL: text(""), RedirectPoolID: text(c.idle.id), Position: 1,
			}).with("redirect_http_code", nil))
		},
		func() error {
			return c.update(c.reject, body(l7policies.UpdateOpts{
				Action: "REDIRECT_PREFIX", RedirectPrefix: text("https://www.example.com"), Name: text("prefix"),
				Description: text("to the safe side"), RedirectHttpCode: 308,
			}))
		},
		func() error {
			return c.update(c.path, body(l7policies.UpdateRuleOpts{
				RuleType: "HEADER", CompareType: "REGEX", Key: text("X-Kind"), Value: "^a.c$", Invert: truth(true),
			}))
		},
		func() error {
			return c.update(c.header, body(l7policies.UpdateRuleOpts{
				RuleType: "HOST_NAME", CompareType: "ENDS_WITH", Key: text(""), Value: ".example.com",
				Invert: truth(false), AdminStateUp: truth(false),
			}))
		},
	)
}

// takeAway removes from the configuration what can be left out of it.
func (c *configuration) takeAway() error {
	if err := c.update(c.lb, body(loadbalancers.UpdateOpts{
		Name: text(""), Description: text(""), Tags: &[]string{}, AdminStateUp: truth(false),
	})); err != nil {
		return err
	}
	err := parallel(
		func() error {
			return c.update(c.web, body(listeners.UpdateOpts{
				Description: text(""), InsertHeaders: &map[string]string{}, AllowedCIDRs: &[]string{}, Tags: &[]string{},
			}))
		},
		func() error {
			return c.update(c.spare, body(listeners.UpdateOpts{DefaultPoolID: text("")}))
		},
		func() error {
			// So the library of today unsets it.
			return c.update(c.idle, body(pools.UpdateOpts{
				Name: text(""), Description: text(""), Tags: &[]string{}, AdminStateUp: truth(true),
			}).with("session_persistence", nil))
		},
		func() error {
			return c.update(c.reject, body(l7policies.UpdateOpts{
				Action: "REJECT", RedirectPrefix: text(""), Name: text(""), Description: text(""),
			}).with("redirect_http_code", nil))
		},
		func() error {
			c.batch = []pools.BatchUpdateMemberOpts{}
			return c.putBatch()
		},
	)
	if err != nil {
		return err
	}
	return c.update(c.lb, body(loadbalancers.UpdateOpts{AdminStateUp: truth(true)}))
}

// destroyAll removes what hangs on others first, siblings at the same time, and looks for leftovers.
func (c *configuration) destroyAll() error {
	for _, generation := range [][]*resource{
		{c.path, c.header, c.cookie},
		{c.reject, c.toURL, c.toPool, c.members[0], c.members[1], c.members[2], c.webCheck, c.rawCheck},
		{c.webPool, c.rawPool, c.idle},
		{c.web, c.raw, c.spare},
		{c.lb},
	} {
		tasks := []func() error{}
		for _, each := range generation {
			each := each
			tasks = append(tasks, func() error { return c.destroy(each) })
		}
		if err := parallel(tasks...); err != nil {
			return fmt.Errorf("destroy: %w", err)
		}
	}
	left := 0
	pages, err := loadbalancers.List(c.balancing, loadbalancers.ListOpts{}).AllPages()
	if err != nil {
		return err
	}
	found, err := loadbalancers.ExtractLoadBalancers(pages)
	if err != nil {
		return err
	}
	for _, each := range found {
		if each.ID == c.lb.id {
			left++
		}
	}
	c.tell("destroy", Facts{"id": c.lb.id, "left": left, "retries": c.retries})
	return nil
}

// securityGroups reads those of the VIP's port, as the provider does after each look at a load balancer.
func (c *configuration) securityGroups() error {
	found, err := c.read(c.lb)
	if err != nil {
		return err
	}
	port, err := ports.Get(c.network, found["vip_port_id"].(string)).Extract()
	if err != nil {
		return err
	}
	addresses := []string{}
	for _, each := range port.FixedIPs {
		addresses = append(addresses, each.IPAddress)
	}
	c.tell("port", Facts{"groups": port.SecurityGroups, "is_vip": fmt.Sprint(addresses) == fmt.Sprint([]any{found["vip_address"]})})
	return nil
}
