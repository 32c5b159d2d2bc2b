package config

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// What the file must call itself.
const (
	APIVersion = "kube-mesos-extender.io/v1alpha1"
	Kind       = "ExtenderConfiguration"
)

// Config is the whole file.
type Config struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`

	// ClusterID tells this Kubernetes cluster's reservations from all others
	// in the same Mesos; it is a label of every reservation. Changing it
	// orphans the reservations made under the old one. A DNS label.
	ClusterID string `json:"clusterID"`
	// SchedulerName opts a pod in: pods with another spec.schedulerName are
	// foreign.
	SchedulerName string `json:"schedulerName"`
	// ForeignPods says what bind does with a foreign pod.
	ForeignPods ForeignPods `json:"foreignPods"`

	Mesos      Mesos      `json:"mesos"`
	Kubernetes Kubernetes `json:"kubernetes"`
	Server     Server     `json:"server"`
	Offers     Offers     `json:"offers"`
	Bind       Bind       `json:"bind"`
	Release    Release    `json:"release"`
	Filter     Filter     `json:"filter"`
	Scoring    Scoring    `json:"scoring"`
	Resources  Resources  `json:"resources"`
	Wake       Wake       `json:"wake"`
}

// ForeignPods is what bind does with pods of other schedulers: kube-scheduler
// asks an extender to bind every pod of its process, not of one profile.
type ForeignPods string

// The ways to treat a foreign pod.
const (
	PassThrough ForeignPods = "PassThrough" // post the Binding, reserve nothing
	Refuse      ForeignPods = "Refuse"      // answer with an error
)

// Mesos is the framework's side.
type Mesos struct {
	// Masters are base URLs, http://host:port. One is enough: the leader is
	// followed. Several survive the loss of one.
	Masters   []string  `json:"masters"`
	Framework Framework `json:"framework"`
	// Roles to subscribe to. The first is the role of pods that name none.
	Roles []string `json:"roles"`
	// Codec of the scheduler API.
	Codec Codec `json:"codec"`
	// CredentialsFile holds "principal secret" or YAML with these two keys,
	// for HTTP Basic authentication. Empty: none.
	CredentialsFile string    `json:"credentialsFile"`
	TLS             ClientTLS `json:"tls"`
	// CallTimeout bounds one call to the master, not the event stream.
	CallTimeout metav1.Duration `json:"callTimeout"`
	Backoff     Backoff         `json:"backoff"`
	// MissedHeartbeats end a silent subscription.
	MissedHeartbeats int `json:"missedHeartbeats"`
}

// Codec is the encoding of the Mesos scheduler API.
type Codec string

// The encodings that Mesos speaks.
const (
	Protobuf Codec = "protobuf"
	JSON     Codec = "json"
)

// Framework is how we introduce ourselves (Mesos FrameworkInfo). User,
// principal and checkpoint cannot change while the framework lives.
type Framework struct {
	Name      string `json:"name"`
	User      string `json:"user"`
	Hostname  string `json:"hostname"` // empty: the machine's own name
	WebUIURL  string `json:"webUIURL"`
	Principal string `json:"principal"` // empty: that of the credentials
	// FailoverTimeout is how long Mesos keeps the framework after its
	// connection is lost; 0 would remove it at the first drop.
	FailoverTimeout metav1.Duration `json:"failoverTimeout"`
	Checkpoint      bool            `json:"checkpoint"`
}

// ClientTLS is how the masters' certificates are verified. Verification cannot
// be switched off.
type ClientTLS struct {
	CAFile string `json:"caFile"` // PEM; empty: the system's roots
}

// Backoff between attempts to subscribe: doubling, with jitter.
type Backoff struct {
	Min metav1.Duration `json:"min"`
	Max metav1.Duration `json:"max"`
}

// Kubernetes is the way to the API server.
type Kubernetes struct {
	Kubeconfig string `json:"kubeconfig"` // empty: the Pod's service account
	Lease      Lease  `json:"lease"`
	// LabelNodesWithoutOffers keeps nodes that have nothing to offer out of the
	// sample that kube-scheduler shows us, by the label
	// kube-mesos-extender.io/offers=none, which its NodeAffinity must be told to
	// avoid (addedAffinity). Nodes are labelled where there are more than 100 and
	// less than a quarter of them have room. false takes the labels off.
	LabelNodesWithoutOffers bool `json:"labelNodesWithoutOffers"`
}

// Lease elects the one replica that subscribes, and keeps the framework ID.
type Lease struct {
	Namespace     string          `json:"namespace"`
	Name          string          `json:"name"`
	LeaseDuration metav1.Duration `json:"leaseDuration"`
	RenewDeadline metav1.Duration `json:"renewDeadline"`
	RetryPeriod   metav1.Duration `json:"retryPeriod"`
}

// Server is the HTTP face towards kube-scheduler.
type Server struct {
	// Address to listen on, host:port. Loopback unless said otherwise: whoever
	// reaches it can have pods bound.
	Address string    `json:"address"`
	TLS     ServerTLS `json:"tls"`
	// MaxBodyBytes bounds a request. Schedulers that are not nodeCacheCapable
	// send whole nodes, some kB each.
	MaxBodyBytes int64 `json:"maxBodyBytes"`
	// DebugAddress serves pprof; loopback only. Empty: off.
	DebugAddress string `json:"debugAddress"`
	// ShutdownTimeout is how long requests in flight may take to finish.
	ShutdownTimeout metav1.Duration `json:"shutdownTimeout"`
}

// ServerTLS turns HTTPS on when the certificate and key are given.
type ServerTLS struct {
	CertFile string `json:"certFile"`
	KeyFile  string `json:"keyFile"`
	// ClientCAFile demands a client certificate that this CA signed.
	ClientCAFile string `json:"clientCAFile"`
}
