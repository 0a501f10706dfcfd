// "did you mean": the nearest of the allowed words.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dse {

// ", did you mean 'bandwidth'?" where one of `allowed` is near enough to `word` (edit distance at most a third of its
// length, plus one), else "; allowed are a, b, c" (at most 12 names).
std::string suggestion(std::string_view word, const std::vector<std::string>& allowed);

// Optimal string alignment distance (Damerau-Levenshtein without repeated edits).
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace dse
