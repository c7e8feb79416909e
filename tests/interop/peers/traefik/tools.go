//go:build tools

// Package tools names the program that build.sh builds, so that go.mod and go.sum pin it and all that it is made of.
package tools

import _ "github.com/traefik/traefik/v3/cmd/traefik"
