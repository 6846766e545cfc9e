// Shop makes a load balancer with gophercloud (1.4; version 2 takes a context in front) and prints where it is.
//
//	shop ENDPOINT SUBNET-ID
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/monitors"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/pools"
)

// connect is for auth_strategy = none. With Keystone it is openstack.AuthenticatedClient and openstack.NewLoadBalancerV2.
func connect(endpoint string) *gophercloud.ServiceClient {
	provider := &gophercloud.ProviderClient{HTTPClient: http.Client{Timeout: time.Minute}}
	provider.UseTokenLock()
	return &gophercloud.ServiceClient{ProviderClient: provider, Endpoint: endpoint + "/", ResourceBase: endpoint + "/v2.0/"}
}

func main() {
	client := connect(os.Args[1])
	shop, err := loadbalancers.Create(client, loadbalancers.CreateOpts{
		Name:        "shop",
		VipSubnetID: os.Args[2],
		VipAddress:  "10.78.0.150",
		Listeners: []listeners.CreateOpts{{
			Name:         "http",
			Protocol:     listeners.ProtocolHTTP,
			ProtocolPort: 80,
			DefaultPool: &pools.CreateOpts{
				Name:     "web",
				Protocol: pools.ProtocolHTTP,
				LBMethod: pools.LBMethodRoundRobin,
				Members:  []pools.BatchUpdateMemberOpts{{Address: "10.78.0.10", ProtocolPort: 8080}},
				Monitor:  &monitors.CreateOpts{Type: "HTTP", URLPath: "/", Delay: 5, Timeout: 3, MaxRetries: 2},
			},
		}},
	}).Extract()
	for err == nil && shop.ProvisioningStatus != "ACTIVE" && shop.ProvisioningStatus != "ERROR" {
		time.Sleep(200 * time.Millisecond)
		shop, err = loadbalancers.Get(client, shop.ID).Extract()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("http://%s/ is %s\n", shop.VipAddress, shop.ProvisioningStatus)
}
