#!/usr/bin/env bash
# Writes go.mod and go.sum of this module for a Kubernetes and a KWOK version:
#
#   ./pin.sh v1.36.3 v0.8.0
#
# k8s.io/kubernetes requires its staging modules (k8s.io/api, ...) as v0.0.0 and
# replaces them inside its own tree, which does not reach us; so every one of
# them is replaced here by the release published with the same Kubernetes
# version. etcd is the version Kubernetes is built with.
set -euo pipefail
cd "$(dirname "$0")"

kubernetes=${1:?kubernetes version, for example v1.36.3}
kwok=${2:?kwok version, for example v0.8.0}
staging=v0${kubernetes#v1}

dir=$(cd / && GOFLAGS=-mod=mod go mod download -json "k8s.io/kubernetes@${kubernetes}" |
	sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
etcd=$(sed -n 's|^\tgo.etcd.io/etcd/client/v3 \(v[^ ]*\).*|\1|p' "${dir}/go.mod")

{
	echo "module github.com/kube-mesos-extender/kube-mesos-extender/hack/controlplane"
	echo
	grep -E '^go [0-9]' "${dir}/go.mod"
	echo
	grep -E '^godebug ' "${dir}/go.mod"
	echo
	echo "require ("
	printf '\tgo.etcd.io/etcd/server/v3 %s\n' "${etcd}"
	printf '\tk8s.io/component-base %s\n' "${staging}"
	printf '\tk8s.io/kubernetes %s\n' "${kubernetes}"
	printf '\tsigs.k8s.io/kwok %s\n' "${kwok}"
	echo ")"
	echo
	echo "replace ("
	sed -n 's|^\t\(k8s.io/[^ ]*\) => ./staging/.*|\1|p' "${dir}/go.mod" | while read -r module; do
		printf '\t%s => %s %s\n' "${module}" "${module}" "${staging}"
	done
	echo ")"
} >go.mod
cp "${dir}/go.sum" go.sum
chmod u+w go.sum
go mod tidy
