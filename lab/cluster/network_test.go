package cluster

import (
	"net"
	"testing"
)

func TestASubnetIsTakenByAddressesAndRoutes(t *testing.T) {
	address := func(cidr string) net.Addr {
		ip, network, err := net.ParseCIDR(cidr)
		if err != nil {
			t.Fatal(err)
		}
		network.IP = ip
		return network
	}
	const header = "Iface\tDestination\tGateway \tFlags\n"
	for name, test := range map[string]struct {
		addresses []net.Addr
		routes    string
		want      bool
	}{
		"nothing":                {nil, header, false},
		"an address in it":       {[]net.Addr{address("10.190.7.1/24")}, header, true},
		"an address beside it":   {[]net.Addr{address("10.191.0.1/24"), address("192.168.190.1/24")}, header, false},
		"a network around it":    {[]net.Addr{address("10.1.2.3/8")}, header, true},
		"another version":        {[]net.Addr{address("fd00::10:190/64")}, header, false},
		"a route to a part":      {nil, header + "hr\t0065BE0A\t0B00BE0A\t0003\n", true},
		"a route to another one": {nil, header + "hr\t0065BF0A\t0B00BF0A\t0003\n", false},
	} {
		if got := subnet(190).taken(test.addresses, test.routes); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
