// The workload of pipelines of whole layers, without lowering them: the same sub-models, messages, steps and memory as
// partition/ makes of them, found from the ends of the runs. Private to the room.
#pragma once

#include <span>

#include "estimator/flow.hpp"
#include "estimator/layer_runs.hpp"
#include "estimator/run_tables.hpp"
#include "estimator/workload.hpp"

namespace dse {

// False where the shortcut does not know what lowering would do, and `into` says nothing: a sub-model that lasts from
// one run of a device to another, a device that computes for two replicas, more than 64 sub-models, readers of one
// tensor whose boxes do not lie in each other. Buffers are shared as lowering shares them; the waiting that this adds
// to steps that wait anyway is left out.
bool plan_runs(const Platform& platform, const Network& network, const Resources& resources, const RunTables& tables,
               std::span<const ReplicaRuns> replicas, Workload& into);

}  // namespace dse
