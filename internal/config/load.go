package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"sigs.k8s.io/yaml"
	goyaml "sigs.k8s.io/yaml/goyaml.v2"
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
	asJSON, err := oneDocument(data)
	if err != nil {
		return nil, &Error{Source: source, Problems: []error{err}}
	}
	// Decoding over the defaults keeps an explicit zero apart from an absent
	// field.
	cfg := Default()
	cfg.APIVersion, cfg.Kind = "", ""
	decoded := decode(asJSON, cfg)
	cfg.complete()
	problems := decoded.problems
	for _, invalid := range cfg.Validate() {
		if !decoded.judged(invalid.Field) {
			problems = append(problems, invalid)
		}
	}
	if len(problems) > 0 {
		return nil, &Error{Source: source, Problems: problems}
	}
	return cfg, nil
}

// oneDocument turns YAML into JSON. A second document would go unread, so that
// it is an error, and so is other text than UTF-8.
func oneDocument(data []byte) ([]byte, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the file is not UTF-8 text")
	}
	asJSON, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return nil, err
	}
	documents := goyaml.NewDecoder(bytes.NewReader(data))
	var skipped any
	if err := documents.Decode(&skipped); errors.Is(err, io.EOF) {
		return asJSON, nil // nothing but comments
	}
	if err := documents.Decode(&skipped); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file holds more than one YAML document")
	}
	return asJSON, nil
}

// Print renders every field, defaults included, as a file that Parse accepts.
func (c *Config) Print() ([]byte, error) {
	out, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("print configuration: %w", err)
	}
	return out, nil
}
