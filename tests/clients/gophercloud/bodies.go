package main

import (
	"fmt"

	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/l7policies"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/monitors"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/pools"
)

// sent is the body of a call. It is itself what most calls of the library take; some want the options that it was made of.
type sent struct {
	options any
	whole   map[string]any
}

// body gives the library's body of the library's options.
func body(options any) sent {
	var whole map[string]any
	var err error
	switch typed := options.(type) {
	case loadbalancers.CreateOpts:
		whole, err = typed.ToLoadBalancerCreateMap()
	case loadbalancers.UpdateOpts:
		whole, err = typed.ToLoadBalancerUpdateMap()
	case listeners.CreateOpts:
		whole, err = typed.ToListenerCreateMap()
	case listeners.UpdateOpts:
		whole, err = typed.ToListenerUpdateMap()
	case pools.CreateOpts:
		whole, err = typed.ToPoolCreateMap()
	case pools.UpdateOpts:
		whole, err = typed.ToPoolUpdateMap()
	case pools.CreateMemberOpts:
		whole, err = typed.ToMemberCreateMap()
	case pools.UpdateMemberOpts:
		whole, err = typed.ToMemberUpdateMap()
	case monitors.CreateOpts:
		whole, err = typed.ToMonitorCreateMap()
	case monitors.UpdateOpts:
		whole, err = typed.ToMonitorUpdateMap()
	case l7policies.CreateOpts:
		whole, err = typed.ToL7PolicyCreateMap()
	case l7policies.UpdateOpts:
		whole, err = typed.ToL7PolicyUpdateMap()
	case l7policies.CreateRuleOpts:
		whole, err = typed.ToRuleCreateMap()
	case l7policies.UpdateRuleOpts:
		whole, err = typed.ToRuleUpdateMap()
	default:
		err = fmt.Errorf("no call takes %T", options)
	}
	if err != nil {
		panic(err) // options are written in this program
	}
	return sent{options, whole}
}

// attributes are those of the object, without what is around it.
func (b sent) attributes() map[string]any {
	for _, inner := range b.whole {
		return inner.(map[string]any)
	}
	return nil
}

// with adds an attribute for which this version of the library has no name.
func (b sent) with(name string, value any) sent {
	b.attributes()[name] = value
	return b
}

// ToLoadBalancerCreateMap gives the body to the library.
func (b sent) ToLoadBalancerCreateMap() (map[string]any, error) { return b.whole, nil }

// ToListenerCreateMap gives the body to the library.
func (b sent) ToListenerCreateMap() (map[string]any, error) { return b.whole, nil }

// ToPoolCreateMap gives the body to the library.
func (b sent) ToPoolCreateMap() (map[string]any, error) { return b.whole, nil }

// ToPoolUpdateMap gives the body to the library.
func (b sent) ToPoolUpdateMap() (map[string]any, error) { return b.whole, nil }

// ToMemberCreateMap gives the body to the library.
func (b sent) ToMemberCreateMap() (map[string]any, error) { return b.whole, nil }

// ToMemberUpdateMap gives the body to the library.
func (b sent) ToMemberUpdateMap() (map[string]any, error) { return b.whole, nil }

// ToMonitorCreateMap gives the body to the library.
func (b sent) ToMonitorCreateMap() (map[string]any, error) { return b.whole, nil }

// ToMonitorUpdateMap gives the body to the library.
func (b sent) ToMonitorUpdateMap() (map[string]any, error) { return b.whole, nil }

// ToL7PolicyCreateMap gives the body to the library.
func (b sent) ToL7PolicyCreateMap() (map[string]any, error) { return b.whole, nil }

// ToL7PolicyUpdateMap gives the body to the library.
func (b sent) ToL7PolicyUpdateMap() (map[string]any, error) { return b.whole, nil }

// ToRuleUpdateMap gives the body to the library.
func (b sent) ToRuleUpdateMap() (map[string]any, error) { return b.whole, nil }
