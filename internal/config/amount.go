package config

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Amount is a number with at most three decimals, as Mesos keeps scalars. In
// the file it is a plain number.
type Amount resources.Milli

// MarshalJSON writes a JSON number.
func (a Amount) MarshalJSON() ([]byte, error) {
	return []byte(resources.Milli(a).String()), nil
}

// UnmarshalJSON reads a JSON number, or a string that holds one. Units such as
// Mi are refused: the unit is the resource's own.
func (a *Amount) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(bytes.TrimSpace(data)), `"`)
	if text == "null" {
		return nil
	}
	milli, err := parseMilli(text)
	if err != nil {
		return err
	}
	*a = Amount(milli)
	return nil
}

// parseMilli reads [-]digits[.digits] with at most three decimals, exactly:
// through a float 0.001 would not survive every time.
func parseMilli(text string) (resources.Milli, error) {
	bad := fmt.Errorf("%q is not a number with at most three decimals", text)
	digits, negative := strings.CutPrefix(text, "-")
	whole, decimals, dot := strings.Cut(digits, ".")
	if whole == "" || (dot && decimals == "") || len(decimals) > 3 || len(whole) > 12 ||
		strings.Trim(whole+decimals, "0123456789") != "" {
		return 0, bad
	}
	n, err := strconv.ParseInt(whole+decimals+strings.Repeat("0", 3-len(decimals)), 10, 64)
	if err != nil {
		return 0, bad
	}
	if negative {
		n = -n
	}
	return resources.Milli(n), nil
}
