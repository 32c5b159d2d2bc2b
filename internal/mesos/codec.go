package mesos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"

	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/framing"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

func selectCodec(useJSON bool) encoding.Codec {
	if useJSON {
		return codecs.ByMediaType[codecs.MediaTypeJSON]
	}
	return codecs.ByMediaType[codecs.MediaTypeProtobuf]
}

// codecOf returns the codec that a response says it is written in: a master
// may answer a protobuf call with a JSON stream.
func codecOf(contentType string) (encoding.Codec, error) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return encoding.Codec{}, fmt.Errorf("content type %q: %w", contentType, err)
	}
	codec, ok := codecs.ByMediaType[encoding.MediaType(media)]
	if !ok {
		return encoding.Codec{}, fmt.Errorf("content type %q is neither protobuf nor JSON", contentType)
	}
	return codec, nil
}

func marshal(codec encoding.Codec, message encoding.Marshaler) ([]byte, error) {
	var body bytes.Buffer
	if err := codec.NewEncoder(encoding.SinkWriter(&body)).Encode(message); err != nil {
		return nil, fmt.Errorf("encode %s: %w", codec.Name, err)
	}
	return body.Bytes(), nil
}

// unmarshal decodes one whole message. The generated decoders are a library's
// and read the network, so a panic in them ends as an error here.
func unmarshal(codec encoding.Codec, data []byte, message encoding.Unmarshaler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decode %s: decoder panicked: %v", codec.Name, p)
		}
	}()
	source := func() framing.Reader { return &oneFrame{data} }
	if err := codec.NewDecoder(source).Decode(message); err != nil {
		return fmt.Errorf("decode %s: %w", codec.Name, err)
	}
	return nil
}

// decode decodes a message of a master that may be newer than the protos.
func decode(codec encoding.Codec, data []byte, message resettable) error {
	if codec.Name == codecs.NameJSON {
		return unmarshalLeniently(codec, data, message)
	}
	return unmarshal(codec, data, message)
}

type oneFrame struct{ data []byte }

// ReadFrame returns the frame, and io.EOF after it.
func (f *oneFrame) ReadFrame() ([]byte, error) {
	if f.data == nil {
		return nil, io.EOF
	}
	data := f.data
	f.data = nil
	return data, nil
}

// decodeEvent decodes one record of the event stream. ok is false for an event
// of a type that this client does not know, which a newer master may send.
func decodeEvent(codec encoding.Codec, record []byte) (event *scheduler.Event, ok bool, err error) {
	event = new(scheduler.Event)
	if err := decode(codec, record, event); err != nil {
		if codec.Name == codecs.NameJSON && unknownType(record) {
			return nil, false, nil
		}
		return nil, false, err
	}
	_, known := scheduler.Event_Type_name[int32(event.Type)]
	return event, known && event.Type != scheduler.Event_UNKNOWN, nil
}

func unknownType(record []byte) bool {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(record, &head); err != nil || head.Type == "" {
		return false
	}
	_, known := scheduler.Event_Type_value[head.Type]
	return !known
}
