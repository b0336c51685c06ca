package remedy

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
)

// A quantity is a whole number as Kubernetes writes it: 1048576, 1Mi, "1Gi".
type quantity int64

// UnmarshalText reads a quantity.
func (q *quantity) UnmarshalText(text []byte) error {
	parsed, err := resource.ParseQuantity(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a quantity such as 1Mi", text)
	}
	n, ok := parsed.AsInt64()
	if !ok {
		return fmt.Errorf("%q is not a whole number that fits 64 bits", text)
	}
	*q = quantity(n)
	return nil
}
