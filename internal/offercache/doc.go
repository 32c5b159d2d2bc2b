// Package offercache keeps Mesos' outstanding offers by agent and role, the
// holds that pending binds have on them, and the immutable snapshot that all
// readers share.
//
// It owns which offer may be used by whom: a hold is an atomic check against
// the live cache, so two pods can never be promised the same resources. It
// must not do I/O, call back out, or know pods beyond their UID.
package offercache
