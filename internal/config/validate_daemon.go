package config

import (
	"net"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxRefuse is the longest filter that Mesos keeps: it cuts longer ones to a
// year (src/master/allocator/mesos/hierarchical.cpp).
const maxRefuse = 365 * 24 * time.Hour

// maxBody keeps a mistyped limit from letting one request take all memory.
const maxBody = 1 << 30

// leaseJitter is client-go's leaderelection.JitterFactor: it panics unless
// renewDeadline > jitter × retryPeriod.
const leaseJitter = 1.2

func (l Lease) validate(path *field.Path) field.ErrorList {
	errs := named(path.Child("namespace"), l.Namespace, validation.IsDNS1123Label)
	errs = append(errs, named(path.Child("name"), l.Name, validation.IsDNS1123Subdomain)...)
	errs = append(errs, positive(path.Child("retryPeriod"), l.RetryPeriod)...)
	if d := l.LeaseDuration.Duration; d%time.Second != 0 {
		errs = append(errs, field.Invalid(path.Child("leaseDuration"), d.String(), "must be whole seconds, as a Lease keeps it"))
	}
	errs = append(errs, above(path.Child("leaseDuration"), l.LeaseDuration, "kubernetes.lease.renewDeadline", l.RenewDeadline)...)
	jittered := metav1.Duration{Duration: time.Duration(leaseJitter * float64(l.RetryPeriod.Duration))}
	return append(errs, above(path.Child("renewDeadline"), l.RenewDeadline, "1.2 × kubernetes.lease.retryPeriod", jittered)...)
}

func (s Server) validate(path *field.Path) field.ErrorList {
	errs := validateAddress(path.Child("address"), s.Address)
	errs = append(errs, s.TLS.validate(path.Child("tls"))...)
	if s.MaxBodyBytes < 1 || s.MaxBodyBytes > maxBody {
		errs = append(errs, field.Invalid(path.Child("maxBodyBytes"), s.MaxBodyBytes,
			"must be between 1 and "+strconv.Itoa(maxBody)))
	}
	if s.DebugAddress != "" {
		errs = append(errs, validateDebugAddress(path.Child("debugAddress"), s.DebugAddress)...)
	}
	return append(errs, positive(path.Child("shutdownTimeout"), s.ShutdownTimeout)...)
}

func validateAddress(path *field.Path, address string) field.ErrorList {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return field.ErrorList{field.Invalid(path, address, "must be host:port")}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return field.ErrorList{field.Invalid(path, address, "its port must be a number from 0 to 65535")}
	}
	return nil
}

// validateDebugAddress demands loopback: profiles show the process's memory.
func validateDebugAddress(path *field.Path, address string) field.ErrorList {
	if errs := validateAddress(path, address); len(errs) > 0 {
		return errs
	}
	host, _, _ := net.SplitHostPort(address)
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return field.ErrorList{field.Invalid(path, address, "must be a loopback address")}
	}
	return nil
}

func (t ServerTLS) validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.CertFile == "" && (t.KeyFile != "" || t.ClientCAFile != "") {
		errs = append(errs, field.Required(path.Child("certFile"), "without it there is no TLS"))
	}
	if t.KeyFile == "" && t.CertFile != "" {
		errs = append(errs, field.Required(path.Child("keyFile"), "the certificate needs it"))
	}
	return errs
}

func (o Offers) validate(path *field.Path) field.ErrorList {
	errs := notNegative(path.Child("idleHold"), o.IdleHold)
	errs = append(errs, notNegative(path.Child("maintenanceLead"), o.MaintenanceLead)...)
	if o.Headroom.Agents < 0 {
		errs = append(errs, field.Invalid(path.Child("headroom", "agents"), o.Headroom.Agents, "must not be negative"))
	}
	errs = append(errs, refuse(path.Child("declineRefuse"), o.DeclineRefuse)...)
	errs = append(errs, refuse(path.Child("pendingRefuse"), o.PendingRefuse)...)
	if o.MaxHold.Duration < o.IdleHold.Duration || o.MaxHold.Duration <= 0 {
		errs = append(errs, field.Invalid(path.Child("maxHold"), o.MaxHold.Duration.String(),
			"must be positive and not shorter than offers.idleHold"))
	}
	return append(errs, positive(path.Child("reviveInterval"), o.ReviveInterval)...)
}

// refuse demands a duration that Mesos accepts as a filter.
func refuse(path *field.Path, d metav1.Duration) field.ErrorList {
	if d.Duration > maxRefuse {
		return field.ErrorList{field.Invalid(path, d.Duration.String(),
			"must not be longer than Mesos keeps a filter, "+maxRefuse.String())}
	}
	return positive(path, d)
}

func (b Bind) validate(path *field.Path) field.ErrorList {
	errs := positive(path.Child("confirmTimeout"), b.ConfirmTimeout)
	errs = append(errs, notNegative(path.Child("remainderWait"), b.RemainderWait)...)
	if b.Rush < 0 {
		errs = append(errs, field.Invalid(path.Child("rush"), b.Rush, "must not be negative; 0 turns it off"))
	}
	steps := metav1.Duration{Duration: b.ConfirmTimeout.Duration + b.RemainderWait.Duration}
	return append(errs, above(path.Child("timeout"), b.Timeout, "bind.confirmTimeout + bind.remainderWait", steps)...)
}

func (r Release) validate(path *field.Path) field.ErrorList {
	errs := notNegative(path.Child("linger"), r.Linger)
	errs = append(errs, notNegative(path.Child("orphanGrace"), r.OrphanGrace)...)
	errs = append(errs, positive(path.Child("unboundGrace"), r.UnboundGrace)...)
	errs = append(errs, positive(path.Child("operatorAfter"), r.OperatorAfter)...)
	return append(errs, positive(path.Child("sweepInterval"), r.SweepInterval)...)
}
