package main

import (
	"fmt"

	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/pools"
)

// openstack_lb_members_v2: all members of a pool in one resource.

func (c *configuration) batchMember(name, address string, port, weight int) pools.BatchUpdateMemberOpts {
	return pools.BatchUpdateMemberOpts{
		Name: &name, Address: address, ProtocolPort: port, Weight: &weight, SubnetID: text(""), AdminStateUp: truth(true),
		Backup: truth(false),
	}
}

// putBatch makes the members of the idle pool what the configuration says, and reads them without a difference.
func (c *configuration) putBatch() error {
	if err := c.wait(c.idle); err != nil {
		return err
	}
	err := c.insist("members of "+c.idle.String(), func() error {
		return pools.BatchUpdateMembers(c.balancing, c.idle.id, c.batch).ExtractErr()
	})
	if err != nil {
		return err
	}
	if err := c.wait(c.idle); err != nil {
		return err
	}
	pages, err := pools.ListMembers(c.balancing, c.idle.id, pools.ListMembersOpts{}).AllPages()
	if err != nil {
		return err
	}
	found, err := pools.ExtractMembers(pages)
	if err != nil {
		return err
	}
	read := map[string]bool{}
	for _, each := range found {
		read[fmt.Sprint(each.Name, each.Address, each.ProtocolPort, each.Weight, each.SubnetID, each.AdminStateUp,
			each.Backup, each.MonitorAddress, each.MonitorPort)] = true
	}
	for _, each := range c.batch {
		monitorAddress, monitorPort := "", 0
		if each.MonitorAddress != nil {
			monitorAddress = *each.MonitorAddress
		}
		if each.MonitorPort != nil {
			monitorPort = *each.MonitorPort
		}
		said := fmt.Sprint(*each.Name, each.Address, each.ProtocolPort, *each.Weight, *each.SubnetID, *each.AdminStateUp,
			*each.Backup, monitorAddress, monitorPort)
		if !read[said] {
			return fmt.Errorf("openstack_lb_members_v2: said %s, read %v", said, read)
		}
	}
	if len(read) != len(c.batch) {
		return fmt.Errorf("openstack_lb_members_v2: %d members are said, %d read", len(c.batch), len(read))
	}
	return nil
}
