package lab

import (
	"fmt"
	"net"
	"strconv"
)

// loopback is the only address anything in a lab listens on.
const loopback = "127.0.0.1"

// portOr is the fixed port or, when that is 0, a TCP port that nothing listens
// on. Another process may still take the latter before the component does.
func portOr(fixed int) (int, error) {
	if fixed != 0 {
		return fixed, nil
	}
	listener, err := net.Listen("tcp", address(0))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}

// address is host:port on loopback.
func address(port int) string {
	return net.JoinHostPort(loopback, strconv.Itoa(port))
}
