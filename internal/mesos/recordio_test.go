package mesos

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestFrames(t *testing.T) {
	long := strings.Repeat("x", 5<<20)
	for _, tt := range []struct {
		name, in string
		want     []string
		err      error
	}{
		{"none", "", nil, io.EOF},
		{"one", "3\nabc", []string{"abc"}, io.EOF},
		{"two, a newline within", "3\na\nc2\nde", []string{"a\nc", "de"}, io.EOF},
		{"empty ones are passed over", "0\n0\n1\na0\n", []string{"a"}, io.EOF},
		{"beyond the library's limit", "5242880\n" + long, []string{long}, io.EOF},
		{"cut in the length", "3\nabc1", []string{"abc"}, io.ErrUnexpectedEOF},
		{"cut in the record", "4\nabc", nil, io.ErrUnexpectedEOF},
		{"not a number", "abc\n", nil, errFrame},
		{"negative", "-1\n", nil, errFrame},
		{"beyond int64", "18446744073709551615\nabc", nil, errFrame},
		{"too large", "999999999999\nabc", nil, errFrame},
		{"no newline", strings.Repeat("1", 30), nil, errFrame},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, slow := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.HalfReader} {
				f := newFrames(slow(strings.NewReader(tt.in)))
				var got []string
				var err error
				for err == nil {
					var record []byte
					if record, err = f.ReadFrame(); err == nil {
						got = append(got, string(record))
					}
				}
				if !errors.Is(err, tt.err) || !cmp.Equal(tt.want, got) {
					t.Errorf("%d records, then %v; want %d, then %v", len(got), err, len(tt.want), tt.err)
				}
			}
		})
	}
}
