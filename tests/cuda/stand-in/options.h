// What the environment asks of the stand-in: ADJOINT_STAND_IN, a comma list, and CUDA_VISIBLE_DEVICES.
//
//   no-device         cuInit finds none
//   init=N            cuInit gives N
//   driver=N          the version reported, 1000 * major + 10 * minor; newer PTX is refused
//   capability=N      10 * major + minor of every device
//   devices=N         how many there are
//   memory=N[K|M|G]   bytes that each has
//   oom-after=N       the Nth cuMemAlloc fails, once
//   sticky-after=N    the Nth launch breaks every context, for ever
//   trace             a line on stderr for every call
//   count             the numbers of launches and allocations on stderr at the end
//   checks=off        no checks of races and of values that nothing was written to; addresses are checked always
//   written=off       no check of device memory that nothing was written to
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace stand_in {

struct Options {
  bool no_device = false, trace = false, count = false, checks = true, written = true;
  int init = 0;
  int driver = 13000;
  int capability = 75;
  int devices = 1;
  uint64_t memory = uint64_t{8} << 30;
  uint64_t oom_after = 0, sticky_after = 0;
  std::vector<int> visible; // the devices that the process sees, in its order
};
const Options& options();

} // namespace stand_in
