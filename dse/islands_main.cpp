// dse-islands: what `mpirun -np N dse explore ...` becomes: one island of the search in every rank.
#include <iostream>
#include <optional>
#include <sstream>

#include "base/error.hpp"
#include "dse/cli.hpp"
#include "dse/report/standard_output.hpp"
#include "dse/search/archipelago.hpp"
#include "runtime/mpi_session.hpp"

namespace {

class MpiArchipelago : public dse::search::Archipelago {
 public:
  MpiArchipelago(int& argc, char**& argv) : session_(argc, argv) {}
  int rank() const override { return session_.rank(); }
  int size() const override { return session_.size(); }
  std::vector<std::string> gather_all(const std::string& text) override { return session_.gather_all(text); }

 private:
  dse::runtime::MpiSession session_;
};

}  // namespace

int main(int argc, char** argv) try {
  MpiArchipelago sea(argc, argv);
  dse::prepare_process();
  dse::search::set_archipelago(&sea);
  const std::vector<std::string> words{argv, argv + argc};
  if (sea.rank() == 0) {
    dse::StandardOutput out;
    return dse::run_cli(words, out, std::cerr);
  }
  // What the others would say is what island 0 says.
  std::ostringstream out, err;
  return dse::run_cli(words, out, err);
} catch (const dse::Error& error) {
  std::cerr << error.what() << std::endl;
  return static_cast<int>(error.exit());
}
