package main

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/quotas"
)

// replayOffers is what an administrator's configuration has: openstack_lb_flavorprofile_v2, openstack_lb_flavor_v2 and
// openstack_lb_quota_v2. This version of the library has no names for the first two: they go through its client as they are.
func replayOffers(s *Session) error {
	data := `{"loadbalancer_topology":"SINGLE","threads":2}`
	profile := &offer{Session: s, collection: "flavorprofiles", wrapper: "flavorprofile"}
	err := profile.create(map[string]any{"name": "terraform", "provider_name": s.input.ProviderName, "flavor_data": data})
	if err != nil {
		return err
	}
	flavor := &offer{Session: s, collection: "flavors", wrapper: "flavor"}
	err = flavor.create(map[string]any{
		"name": "two", "description": "two threads", "flavor_profile_id": profile.id, "enabled": true,
	})
	if err != nil {
		return err
	}
	if err := flavor.update(map[string]any{"name": "deux", "description": "", "enabled": false}); err != nil {
		return err
	}
	if err := profile.update(map[string]any{"name": "renamed"}); err != nil {
		return err
	}
	if err := quota(s); err != nil {
		return err
	}
	if err := flavor.destroy(); err != nil {
		return err
	}
	if err := profile.update(map[string]any{"flavor_data": `{"threads":1}`}); err != nil {
		return err
	}
	return profile.destroy()
}

// offer is an object of a collection that administrators keep.
type offer struct {
	*Session
	collection, wrapper, id string
	said                    map[string]any
}

func (o *offer) url(parts ...string) string {
	return o.balancing.ServiceURL(append([]string{"lbaas", o.collection}, parts...)...)
}

func (o *offer) create(attributes map[string]any) error {
	var result gophercloud.Result
	codes := &gophercloud.RequestOpts{OkCodes: []int{201}}
	_, err := o.balancing.Post(o.url(), map[string]any{o.wrapper: attributes}, &result.Body, codes)
	if err != nil {
		return err
	}
	made, err := unwrap(result, o.wrapper)
	if err != nil {
		return err
	}
	o.id, _ = made["id"].(string)
	o.said = plain(attributes)
	return o.look("create")
}

func (o *offer) update(attributes map[string]any) error {
	codes := &gophercloud.RequestOpts{OkCodes: []int{200}}
	var answer any
	_, err := o.balancing.Put(o.url(o.id), map[string]any{o.wrapper: attributes}, &answer, codes)
	if err != nil {
		return err
	}
	for name, value := range plain(attributes) {
		o.said[name] = value
	}
	return o.look("update")
}

// look reads it and tells how it differs from what was said.
func (o *offer) look(step string) error {
	var result gophercloud.Result
	if _, err := o.balancing.Get(o.url(o.id), &result.Body, nil); err != nil {
		return err
	}
	found, err := unwrap(result, o.wrapper)
	if err != nil {
		return err
	}
	differences := []string{}
	for name, said := range o.said {
		read := found[name]
		if name == "flavor_data" { // Terraform compares what it means
			said, read = meaning(said), meaning(read)
		}
		if !reflect.DeepEqual(said, read) {
			differences = append(differences, fmt.Sprintf("%s: said %v, read %v", name, said, read))
		}
	}
	o.tell(step+" "+o.wrapper, Facts{"differences": differences})
	return nil
}

func (o *offer) destroy() error {
	if _, err := o.balancing.Delete(o.url(o.id), nil); err != nil {
		return err
	}
	var answer any
	_, err := o.balancing.Get(o.url(o.id), &answer, nil)
	o.tell("delete "+o.wrapper, Facts{"gone": isAbsent(err)})
	return nil
}

func meaning(document any) (value any) {
	text, _ := document.(string)
	if json.Unmarshal([]byte(text), &value) != nil {
		return document
	}
	return value
}

// quota sets some limits of a project, reads them, and changes one.
func quota(s *Session) error {
	before, err := quotas.Get(s.balancing, s.input.ProjectID).Extract()
	if err != nil {
		return err
	}
	wanted := *before
	wanted.Loadbalancer, wanted.Listener, wanted.Member, wanted.Pool = 11, 12, 13, 14
	wanted.Healthmonitor, wanted.L7Policy, wanted.L7Rule = 15, 16, 17
	update := func(step string, options quotas.UpdateOpts) error {
		if _, err := quotas.Update(s.balancing, s.input.ProjectID, options).Extract(); err != nil {
			return err
		}
		found, err := quotas.Get(s.balancing, s.input.ProjectID).Extract()
		if err != nil {
			return err
		}
		differences := []string{}
		if *found != wanted {
			differences = append(differences, fmt.Sprintf("said %v, read %v", wanted, *found))
		}
		s.tell(step+" quota", Facts{"differences": differences})
		return nil
	}
	err = update("create", quotas.UpdateOpts{
		Loadbalancer: number(11), Listener: number(12), Member: number(13), Pool: number(14), Healthmonitor: number(15),
		L7Policy: number(16), L7Rule: number(17),
	})
	if err != nil {
		return err
	}
	wanted.Pool, wanted.L7Rule = -1, 3
	return update("update", quotas.UpdateOpts{Pool: number(-1), L7Rule: number(3)})
}
