/* traefik_writers: what Traefik's two forms share: the words for what they cannot do. */
#ifndef SEISMESH_ANALYZER_ROUTING_TRAEFIK_WRITERS_H
#define SEISMESH_ANALYZER_ROUTING_TRAEFIK_WRITERS_H

#define TRAEFIK_CANNOT_EJECT "it takes out servers by health checks, not by how requests fare"
#define TRAEFIK_CANNOT_ZONES "it does not know zones"
#define TRAEFIK_LIMIT_ROUTER "routers must name it: a middleware or service that no router uses does nothing"
#define TRAEFIK_LIMIT_SOURCE "by default the rate is counted per client address"

#endif
