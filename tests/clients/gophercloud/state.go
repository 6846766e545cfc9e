package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/gophercloud/gophercloud"
)

// resource is one object in Terraform's state, with what its configuration says.
type resource struct {
	kind   *kind
	label  string
	id     string
	parent string // the pool of a member, the policy of a rule
	said   map[string]any
}

func (r *resource) String() string { return r.kind.name + "." + r.label }

// terraform is one configuration of one load balancer.
type terraform struct {
	*Session
	lb      *resource
	mutex   sync.Mutex
	state   []*resource // in the order of creation
	retries int32       // after a refusal that may pass
}

// read gives the attributes as the service answers them.
func (t *terraform) read(r *resource) (map[string]any, error) {
	result := r.kind.get(t.balancing, r)
	if result.Err != nil {
		return nil, result.Err
	}
	return unwrap(result, r.kind.wrapper)
}

func unwrap(result gophercloud.Result, wrapper string) (map[string]any, error) {
	body, _ := result.Body.(map[string]any)
	found, there := body[wrapper].(map[string]any)
	if !there {
		return nil, fmt.Errorf("an answer without %q: %v", wrapper, result.Body)
	}
	return found, nil
}

// wait does as the provider: the load balancer has to rest first, then the object itself is looked at.
func (t *terraform) wait(r *resource) error {
	return poll(r.String()+" ACTIVE", func() (bool, error) {
		for _, each := range []*resource{t.lb, r} {
			found, err := t.read(each)
			if err != nil {
				return false, err
			}
			switch state := found["provisioning_status"]; state {
			case "ACTIVE":
			case "PENDING_CREATE", "PENDING_UPDATE":
				return false, nil
			default:
				return false, fmt.Errorf("%s is %v", each, state)
			}
		}
		return true, nil
	})
}

// insist repeats a change that is refused for a moment only.
func (t *terraform) insist(what string, change func() error) error {
	return poll(what, func() (bool, error) {
		err := change()
		if err != nil && isPassing(err) {
			atomic.AddInt32(&t.retries, 1)
			return false, nil
		}
		return err == nil, err
	})
}

// create makes an object below parent, which has to rest before, and waits for it; in Terraform's state afterwards.
func (t *terraform) create(k *kind, label string, parent *resource, body sent) (*resource, error) {
	r := &resource{kind: k, label: label, said: plain(body.attributes())}
	if parent != nil {
		r.parent = parent.id
		if err := t.wait(parent); err != nil {
			return nil, err
		}
	}
	err := t.insist("create "+r.String(), func() error {
		result := k.post(t.balancing, r.parent, body)
		if result.Err != nil {
			return result.Err
		}
		made, err := unwrap(result, k.wrapper)
		r.id, _ = made["id"].(string)
		return err
	})
	if err != nil {
		return nil, err
	}
	if k == balancerKind {
		t.lb = r
	}
	t.mutex.Lock()
	t.state = append(t.state, r)
	t.mutex.Unlock()
	return r, t.wait(r)
}

// update changes an object in place; what is empty in body goes back to nothing.
func (t *terraform) update(r *resource, body sent) error {
	if err := t.wait(r); err != nil {
		return err
	}
	if err := t.insist("update "+r.String(), func() error { return r.kind.put(t.balancing, r, body).Err }); err != nil {
		return err
	}
	for name, value := range plain(body.attributes()) {
		_, isTruth := value.(bool)
		_, isNumber := value.(float64)
		if !isTruth && !isNumber && isNothing(value) {
			delete(r.said, name)
		} else {
			r.said[name] = value
		}
	}
	return t.wait(r)
}

// destroy removes an object and waits until it is not found any more.
func (t *terraform) destroy(r *resource) error {
	if r != t.lb {
		if err := t.wait(r); err != nil {
			return err
		}
	}
	if err := t.insist("delete "+r.String(), func() error { return r.kind.remove(t.balancing, r) }); err != nil {
		return err
	}
	return poll(r.String()+" gone", func() (bool, error) {
		_, err := t.read(r)
		if isAbsent(err) {
			return true, nil
		}
		return false, err
	})
}

// plan reads everything again and lists what differs from the configuration: what Terraform would want to change.
func (t *terraform) plan(step string) error {
	differences := []string{}
	for _, r := range t.state {
		found, err := t.read(r)
		if err != nil {
			return err
		}
		differences = append(differences, compare(r, found)...)
	}
	sort.Strings(differences)
	t.tell(step, Facts{"resources": len(t.state), "differences": differences, "retries": t.retries})
	return nil
}

// references are attributes that are sent as one id and read as a list of objects.
var references = map[string]map[string]string{
	"listener":      {"loadbalancer_id": "loadbalancers"},
	"pool":          {"loadbalancer_id": "loadbalancers", "listener_id": "listeners"},
	"healthmonitor": {"pool_id": "pools"},
}

func compare(r *resource, found map[string]any) []string {
	differences := []string{}
	differ := func(name string, said, read any) {
		differences = append(differences, fmt.Sprintf("%s: %s: said %v, read %v", r, name, said, read))
	}
	for name, said := range r.said {
		read, there := found[name]
		if list, isReference := references[r.kind.wrapper][name]; isReference {
			there, read = true, firstID(found[list])
		}
		switch {
		case !there:
			differ(name, said, "nothing at all")
		case name == "tags":
			if !reflect.DeepEqual(asSet(said), asSet(read)) {
				differ(name, said, read)
			}
		case name == "session_persistence":
			for key, value := range said.(map[string]any) {
				if part, _ := read.(map[string]any); !reflect.DeepEqual(part[key], value) {
					differ(name, said, read)
				}
			}
		case !reflect.DeepEqual(said, read):
			differ(name, said, read)
		}
	}
	for _, name := range r.kind.optional {
		read, there := found[name]
		if _, given := r.said[name]; !given && (!there || !isNothing(read)) {
			differ(name, "nothing", read)
		}
	}
	return differences
}

// plain gives values as they are after a way over the wire.
func plain(attributes map[string]any) map[string]any {
	text, err := json.Marshal(attributes)
	if err == nil {
		attributes = nil
		err = json.Unmarshal(text, &attributes)
	}
	if err != nil {
		panic(err) // it is what the library sends
	}
	return attributes
}

func isNothing(value any) bool {
	switch typed := value.(type) {
	case nil:
		return true
	case string:
		return typed == ""
	case bool:
		return !typed
	case float64:
		return typed == 0
	case []any:
		return len(typed) == 0
	case map[string]any:
		return len(typed) == 0
	}
	return false
}

func firstID(list any) any {
	objects, _ := list.([]any)
	if len(objects) == 0 {
		return nil
	}
	first, _ := objects[0].(map[string]any)
	return first["id"]
}

func asSet(list any) []string {
	names := []string{}
	values, _ := list.([]any)
	for _, value := range values {
		names = append(names, fmt.Sprint(value))
	}
	sort.Strings(names)
	return names
}
