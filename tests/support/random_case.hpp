// One case of the law of exactness: a network, a platform and a mapping; run in process against the undivided network.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "partition/mapping.hpp"
#include "tests/support/deployment.hpp"
#include "tests/support/mappings.hpp"
#include "tests/support/network_spec.hpp"
#include "tests/support/networks.hpp"

namespace dse::test {

struct RandomCase {
  NetworkSpec network;
  std::size_t devices = 2;
  std::size_t input = 0;
  std::size_t output = 0;
  bool input_everywhere = false;
  std::vector<std::string>
      layers;  // what the mapping's layers are called: they keep their names while others are dropped
  Mapping mapping;
};

struct CaseVerdict {
  bool failed = false;
  double error = 0;       // relative
  double excess = 0;      // error ÷ tolerance
  std::string reason;     // of a failure
  bool tampered = false;  // a changed message was on its way
  bool unseen = false;    // and the outputs were exact all the same
};

// A network imported once, for many cases. Throws Error where the importer or the engine refuses it.
class CaseSubject {
 public:
  explicit CaseSubject(const NetworkSpec& spec);
  const Network& network() const { return *network_; }
  const NetworkSpec& spec() const { return spec_; }
  // Every output depends on the frame: where one did not, a wrong mapping could not be seen. And none cancels
  // or magnifies roundings.
  bool alive();
  // Largest relative difference of its outputs, undivided with against without graph optimisation.
  double own_noise();

  // The case's mapping must name this network's layers.
  CaseVerdict run(const RandomCase& one);
  // Runs it with one transfer between layers changed.
  CaseVerdict tamper(const RandomCase& one, Random& random);

 private:
  bool cancels(std::size_t port);
  bool magnifies(std::size_t frame);
  CaseVerdict judge(const RandomCase& one, const Tamper& tamper);

  NetworkSpec spec_;
  SmallNetwork network_;
  deploy::Reference reference_;
};

// Two to four devices, the frame anywhere or everywhere, hybrids of every split, at least four frames in flight.
RandomCase draw_case(const CaseSubject& subject, Random& random);

Platform platform_of(const RandomCase& one);
// The same decision for a network some of whose layers have gone or come.
Mapping remapped(const RandomCase& one, const Network& network);
// Imports the case's network and runs it; what cannot be imported has not failed.
CaseVerdict run_case(const RandomCase& one);

std::string to_json(const RandomCase& one);
RandomCase random_case_from_json(const std::string& text);

}  // namespace dse::test
