// The knee of a front: the compromise that gives up least.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace dse::archive {

// points[i][k]: objective k of point i, to be minimised, finite. The objectives are normalised over the points to 0..1
// (one that does not vary is left out); a hyperplane is laid through the extremes, which are the points that are best
// in one objective each; the knee is the point farthest below it (Das 1999, "On characterizing the knee of the Pareto
// curve"). Where the extremes define no plane that slopes down in every objective (two extremes are one point), the
// plane through the unit vectors is taken. Ties go to the first point. nullopt for no points; one or two points have no
// bend, and the first is returned.
std::optional<std::size_t> knee_index(const std::vector<std::vector<double>>& points);

}  // namespace dse::archive
