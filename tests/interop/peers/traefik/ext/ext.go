// Package ext stands for the extension points of Traefik's configuration: empty in its own build, and not in its module.
package ext

type (
	HTTP   struct{}
	Router struct{}
)
