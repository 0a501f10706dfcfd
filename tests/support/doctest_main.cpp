#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <malloc.h>

// Tests make and drop many tensors of megabytes: kept in the heap, their pages are not faulted in anew each time.
int main(int argc, char** argv) {
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  return doctest::Context(argc, argv).run();
}
