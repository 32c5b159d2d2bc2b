package simtest

import (
	"bufio"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	repository    = "../.."
	scenarioTable = repository + "/docs/scenarios.md"
	scenarios     = 48
)

var (
	tableRow     = regexp.MustCompile(`^\| (\d+) \|([^|]+)\|([^|]+)\|([^|]+)\|$`)
	namedTest    = regexp.MustCompile("`([a-z/]+)\\.(TestScenario\\w+)`")
	scenarioTest = regexp.MustCompile(`(?m)^func (TestScenario(\d+(?:And\d+)*)\w*)\(t \*testing\.T\) \{`)
)

// TestScenarioTable holds docs/scenarios.md against the tests in the tree.
func TestScenarioTable(t *testing.T) {
	written, found := readTable(t), findTests(t)
	for n := 1; n <= scenarios; n++ {
		tests, ok := written[n]
		if !ok {
			t.Errorf("scenario %d has no row", n)
		}
		if !slices.ContainsFunc(tests, func(test string) bool { return strings.HasPrefix(test, "internal/simtest.") }) {
			t.Errorf("scenario %d has no test of the whole daemon", n)
		}
		for _, test := range tests {
			if !slices.Contains(found[n], test) {
				t.Errorf("scenario %d names %s, which does not exist", n, test)
			}
		}
	}
	for n, tests := range found {
		for _, test := range tests {
			if !slices.Contains(written[n], test) {
				t.Errorf("%s is not in the row of scenario %d", test, n)
			}
		}
	}
	if len(written) != scenarios {
		t.Errorf("the table has %d rows, want %d", len(written), scenarios)
	}
}

// readTable returns, by scenario, the tests that the table names as
// directory.Test.
func readTable(t *testing.T) map[int][]string {
	t.Helper()
	file, err := os.Open(scenarioTable)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // only read
	rows := map[int][]string{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		row := tableRow.FindStringSubmatch(lines.Text())
		if row == nil {
			continue
		}
		n := number(t, row[1])
		if _, twice := rows[n]; twice {
			t.Errorf("scenario %d has two rows", n)
		}
		rows[n] = []string{}
		for _, test := range namedTest.FindAllStringSubmatch(row[4], -1) {
			rows[n] = append(rows[n], test[1]+"."+test[2])
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// findTests returns the scenario tests in the tree, by scenario. One named after
// several scenarios belongs to each.
func findTests(t *testing.T) map[int][]string {
	t.Helper()
	found := map[int][]string{}
	err := filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != repository:
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		directory, err := filepath.Rel(repository, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, test := range scenarioTest.FindAllSubmatch(source, -1) {
			for n := range strings.SplitSeq(string(test[2]), "And") {
				at := number(t, n)
				found[at] = append(found[at], filepath.ToSlash(directory)+"."+string(test[1]))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
