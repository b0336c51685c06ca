package remediator

import (
	"fmt"
	"net"
)

// listenAddresses decides where to listen when nothing authenticates a webhook:
// on loopback only. The default address becomes its loopback; one that was asked
// for and is not loopback is an error.
func listenAddresses(asked []string) ([]string, error) {
	addresses := make([]string, len(asked))
	for i, a := range asked {
		if a == defaultAddress {
			a = "127.0.0.1" + a
		}
		if !isLoopback(a) {
			return nil, fmt.Errorf("--web.listen-address=%s: without authentication the webhook is served on loopback only; give --webhook.token-file, or basic_auth_users or client certificates in --web.config.file", a)
		}
		addresses[i] = a
	}
	return addresses, nil
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// bind opens the addresses to listen on, or none where systemd hands over its
// sockets.
func (s *settings) bind() ([]net.Listener, error) {
	if s.web.WebSystemdSocket != nil && *s.web.WebSystemdSocket {
		return nil, nil
	}
	var all []net.Listener
	for _, address := range *s.web.WebListenAddresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			for _, open := range all {
				open.Close()
			}
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}
