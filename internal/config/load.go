package config

import (
	"fmt"
	"os"

	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// Load reads, completes and checks the file at path. Whatever is wrong with it
// is in the returned *Error.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, &Error{Source: path, Problems: []error{err}}
	}
	return Parse(path, data)
}

// Parse is Load for data in hand; source names it in errors. Absent fields
// take their default, unknown and repeated ones are errors.
func Parse(source string, data []byte) (*Config, error) {
	asJSON, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return nil, &Error{Source: source, Problems: []error{err}}
	}
	// Decoding over the defaults keeps an explicit zero apart from an absent
	// field.
	cfg := Default()
	cfg.APIVersion, cfg.Kind = "", ""
	unknown, err := kjson.UnmarshalStrict(asJSON, cfg)
	if err != nil {
		return nil, &Error{Source: source, Problems: []error{err}}
	}
	cfg.complete()
	problems := unknown
	for _, invalid := range cfg.Validate() {
		problems = append(problems, invalid)
	}
	if len(problems) > 0 {
		return nil, &Error{Source: source, Problems: problems}
	}
	return cfg, nil
}

// Print renders every field, defaults included, as a file that Parse accepts.
func (c *Config) Print() ([]byte, error) {
	out, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("print configuration: %w", err)
	}
	return out, nil
}
