/* The recordings of every mesh (datasets/meshes) folded, and what a reader then sees of them (golden.h). */
#define _GNU_SOURCE /* strsep */
#include "tests/collector/dialect/golden.h"

static void fold_mesh(const char *mesh) {
    kit_t kit = kit_new(NULL, NULL);
    bool any = false;
    for (otlp_kind_t kind = 0; kind < OTLP_KINDS; kind++) any |= feed(&kit, mesh, kind);
    CHECK(any);
    golden_compare(&kit, mesh);
    kit_free(&kit);
}

#define MESH(name)                                                                                                     \
    TEST(name##_is_read_as_its_numbers_were_made) {                                                                    \
        fold_mesh(#name);                                                                                              \
    }

MESH(istio)
MESH(linkerd)
MESH(consul)
MESH(kuma2)
MESH(kuma3)
MESH(app_mesh)
MESH(osm)
MESH(google)
MESH(traefik)
MESH(nsm)

TEST_MAIN(TEST_CASE(istio_is_read_as_its_numbers_were_made), TEST_CASE(linkerd_is_read_as_its_numbers_were_made),
          TEST_CASE(consul_is_read_as_its_numbers_were_made), TEST_CASE(kuma2_is_read_as_its_numbers_were_made),
          TEST_CASE(kuma3_is_read_as_its_numbers_were_made), TEST_CASE(app_mesh_is_read_as_its_numbers_were_made),
          TEST_CASE(osm_is_read_as_its_numbers_were_made), TEST_CASE(google_is_read_as_its_numbers_were_made),
          TEST_CASE(traefik_is_read_as_its_numbers_were_made), TEST_CASE(nsm_is_read_as_its_numbers_were_made))
