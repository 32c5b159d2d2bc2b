// Package kubetest is a kube-apiserver for tests: client-go's fake clientset
// with those rules added that the extender relies on. It checks the UID and
// resource version of Bindings and of Lease updates, counts resource versions
// up, honours the field selectors of pods, and fails calls on demand.
//
// It owns behaviour that tests share. It must not be imported by anything the
// daemon runs.
package kubetest

import (
	"slices"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"
)

var podsResource = corev1.SchemeGroupVersion.WithResource("pods")

// Cluster is one emulated kube-apiserver. It is safe for concurrent use.
type Cluster struct {
	client *fake.Clientset

	mu      sync.Mutex // guards the rest, and makes each write atomic
	version int64      // last resource version given out
	faults  []*fault
	onBind  func(pod *corev1.Pod)
}

// New makes a cluster that holds the objects.
func New(objects ...runtime.Object) *Cluster {
	c := &Cluster{client: fake.NewSimpleClientset(), version: 1}
	for _, object := range objects {
		object = object.DeepCopyObject()
		c.stampVersion(object)
		if err := c.client.Tracker().Add(object); err != nil {
			panic(err) // a test's own mistake
		}
	}
	// Each reactor goes before the ones added earlier.
	c.client.PrependWatchReactor("pods", c.watchPods)
	c.client.PrependReactor("list", "pods", c.listPods)
	c.client.PrependReactor("create", "*", c.create)
	c.client.PrependReactor("update", "*", c.update)
	c.client.PrependReactor("patch", "pods", c.patchPod)
	c.client.PrependReactor("patch", "nodes", c.patchNode)
	c.client.PrependReactor("create", "pods/binding", c.bind)
	c.client.PrependReactor("*", "*", c.fail)
	return c
}

// Client returns a client of the cluster.
func (c *Cluster) Client() kubernetes.Interface { return c.client }

// Calls returns how many calls of the verb were made on the resource, which may
// name a subresource ("pods/binding"), failed ones included.
func (c *Cluster) Calls(verb, resource string) int {
	return len(c.Actions(verb, resource))
}

// Actions returns these calls.
func (c *Cluster) Actions(verb, resource string) []kubetesting.Action {
	return slices.DeleteFunc(slices.Clone(c.client.Actions()), func(a kubetesting.Action) bool {
		return a.GetVerb() != verb || path(a) != resource
	})
}

// OnBind has every Binding that is accepted reported, at that instant, with the
// pod as it is then. Call it before anything else uses the cluster; the
// function must not call the cluster.
func (c *Cluster) OnBind(report func(pod *corev1.Pod)) { c.onBind = report }

// Forget drops the record of the calls made so far, which long runs outgrow.
func (c *Cluster) Forget() { c.client.ClearActions() }

// fault fails calls.
type fault struct {
	verb, resource string
	left           int   // calls still to fail, negative without end
	err            error // what the caller gets
	applied        bool  // the call takes effect all the same
}

// Fail makes the next calls of the verb on the resource fail with err and have
// no effect. Negative times means until Heal.
func (c *Cluster) Fail(verb, resource string, times int, err error) {
	c.addFault(&fault{verb: verb, resource: resource, left: times, err: err})
}

// LoseAnswer makes the next calls take effect and fail with err all the same,
// as when the connection breaks before the answer arrives.
func (c *Cluster) LoseAnswer(verb, resource string, times int, err error) {
	c.addFault(&fault{verb: verb, resource: resource, left: times, err: err, applied: true})
}

// Heal ends all faults.
func (c *Cluster) Heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = nil
}

func (c *Cluster) addFault(f *fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, f)
}

// fail is the first reactor of every call.
func (c *Cluster) fail(action kubetesting.Action) (bool, runtime.Object, error) {
	f := c.due(action)
	switch {
	case f == nil:
		return false, nil, nil
	case f.applied:
		if err := c.apply(action); err != nil {
			return true, nil, err
		}
	}
	return true, nil, f.err
}

// due returns the fault that strikes the call, and counts it.
func (c *Cluster) due(action kubetesting.Action) *fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.faults {
		if f.verb == action.GetVerb() && f.resource == path(action) && f.left != 0 {
			f.left--
			return f
		}
	}
	return nil
}

// apply lets a call whose answer will be lost take effect.
func (c *Cluster) apply(action kubetesting.Action) error {
	for _, react := range []kubetesting.ReactionFunc{c.bind, c.patchPod, c.patchNode, c.update, c.create} {
		if handled, _, err := react(action); handled {
			return err
		}
	}
	_, _, err := kubetesting.ObjectReaction(c.client.Tracker())(action)
	return err
}

// stampVersion gives the object the next resource version.
func (c *Cluster) stampVersion(object runtime.Object) {
	if accessor, err := meta.Accessor(object); err == nil {
		c.version++
		accessor.SetResourceVersion(strconv.FormatInt(c.version, 10))
	}
}

func path(action kubetesting.Action) string {
	if sub := action.GetSubresource(); sub != "" {
		return action.GetResource().Resource + "/" + sub
	}
	return action.GetResource().Resource
}
