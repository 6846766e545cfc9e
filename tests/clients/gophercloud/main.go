// Replays what Terraform's OpenStack provider and Kubernetes' cloud-provider-openstack ask of a cloud, with the library
// that both are made of.
//
//	replay SEQUENCE INPUT      SEQUENCE: kubernetes, terraform or terraform-offers; INPUT: a JSON object of names and ids
//
// Each step is a line of JSON on the output: its name, what was read, or the error that ended the sequence (exit code 1).
// After a step with "pause" it waits for a line on its input, so that somebody else can send packets meanwhile.
//
// Authentication: by Keystone, from the environment (OS_AUTH_URL and its fellows), as both clients do; or none, with the
// address of the service in EVENLOAD_ENDPOINT.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack"
)

// Input is what the test has prepared.
type Input struct {
	SubnetID     string            `json:"subnet_id"`
	ProjectID    string            `json:"project_id"`
	Servers      map[string]string `json:"servers"` // name of a node → id of the server, which a port names
	Addresses    map[string]string `json:"addresses"`
	NodePorts    []int             `json:"node_ports"`
	ClientCIDR   string            `json:"client_cidr"`
	ForeignCIDR  string            `json:"foreign_cidr"`
	ProviderName string            `json:"provider_name"`
}

// Facts of a step, as the test reads them.
type Facts map[string]any

// Session is one run: the clients of both services, and where steps are told.
type Session struct {
	balancing *gophercloud.ServiceClient
	network   *gophercloud.ServiceClient
	input     Input
	answers   *bufio.Scanner
	writing   sync.Mutex
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: replay kubernetes|terraform|terraform-offers INPUT")
		os.Exit(2)
	}
	session := &Session{answers: bufio.NewScanner(os.Stdin)}
	err := json.Unmarshal([]byte(os.Args[2]), &session.input)
	if err == nil {
		session.balancing, session.network, err = connect()
	}
	if err == nil {
		err = replay(session, os.Args[1])
	}
	if err != nil {
		session.tell("failed", Facts{"error": err.Error()})
		os.Exit(1)
	}
}

func replay(session *Session, sequence string) error {
	switch sequence {
	case "kubernetes":
		return replayKubernetes(session)
	case "terraform":
		return replayTerraform(session)
	case "terraform-offers":
		return replayOffers(session)
	}
	return fmt.Errorf("no sequence is called %q", sequence)
}

// connect gives the clients of the load balancers and of the networks.
func connect() (*gophercloud.ServiceClient, *gophercloud.ServiceClient, error) {
	if endpoint := os.Getenv("EVENLOAD_ENDPOINT"); endpoint != "" {
		provider := &gophercloud.ProviderClient{HTTPClient: http.Client{Timeout: patience}}
		provider.UseTokenLock()
		service := func() *gophercloud.ServiceClient {
			return &gophercloud.ServiceClient{
				ProviderClient: provider,
				Endpoint:       endpoint + "/",
				ResourceBase:   endpoint + "/v2.0/",
			}
		}
		return service(), service(), nil
	}
	options, err := openstack.AuthOptionsFromEnv()
	if err != nil {
		return nil, nil, err
	}
	options.AllowReauth = true
	provider, err := openstack.NewClient(options.IdentityEndpoint)
	if err != nil {
		return nil, nil, err
	}
	provider.HTTPClient.Timeout = patience
	if err := openstack.Authenticate(provider, options); err != nil {
		return nil, nil, err
	}
	where := gophercloud.EndpointOpts{Region: os.Getenv("OS_REGION_NAME")}
	balancing, err := openstack.NewLoadBalancerV2(provider, where)
	if err != nil {
		return nil, nil, err
	}
	network, err := openstack.NewNetworkV2(provider, where)
	return balancing, network, err
}

// tell writes one step.
func (s *Session) tell(step string, facts Facts) {
	line := Facts{"step": step}
	for name, value := range facts {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err) // facts are made of plain values
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	fmt.Println(string(text))
}

// pause tells a step and waits until the test has looked at it from outside.
func (s *Session) pause(step string, facts Facts) error {
	facts["pause"] = true
	s.tell(step, facts)
	if !s.answers.Scan() {
		return fmt.Errorf("nobody answered after %q", step)
	}
	return nil
}
