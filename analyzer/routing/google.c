/* Google Cloud Service Mesh with Istio's APIs: the same objects, less what the managed control plane does not take. */
#include "analyzer/routing/writers.h"

const routing_language_ops language_google = {
    .name = "google",
    .title = "Google Cloud Service Mesh",
    .mesh = "google",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {istio_shift_versions, .limits = {"weights are whole percents",
                                                                        "pods are told apart by the label version"}},
            [ACTION_SHIFT_ZONES] = {NULL,
                                    "the managed control plane does not take localityLbSetting.distribute",
                                    ACTION_FAIL_OVER,
                                    {NULL}},
            [ACTION_DRAIN_INSTANCE] = {NULL, "no object names a single instance", ACTION_TIGHTEN_EJECTION, {NULL}},
            [ACTION_TIGHTEN_EJECTION] = {istio_tighten_ejection, .limits = {"each calling proxy counts for itself"}},
            [ACTION_CIRCUIT_BREAKER] = {istio_circuit_breaker, .limits = {"each calling proxy counts for itself"}},
            [ACTION_RATE_LIMIT] = {NULL, "the managed control plane does not take EnvoyFilter", ACTION_NONE, {NULL}},
            [ACTION_CUT_RETRIES] = {istio_cut_retries, .limits = {"without a VirtualService, Istio retries twice"}},
            [ACTION_SET_TIMEOUT] = {istio_set_timeout, .limits = {"it holds for the whole call with all its retries"}},
            [ACTION_FAIL_OVER] = {istio_fail_over, .limits = {"Istio fails over between regions, here guessed from the "
                                                              "zones' names"}},
        },
    .lists = istio_lists,
    .about = istio_about,
};
