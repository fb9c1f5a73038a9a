// The JavaScript side of memory: which cell belongs to which Tensor object, and which objects are gone.
//
// A Tensor holds an integer, its handle; a slot here has the cell for it and a weak reference to the object.
// Finalizers never run inside a synchronous loop, so dead objects are found by polling the weak references.
// That is worth doing only after a garbage collection, which a sentinel object reveals: it is unreachable, so
// any collection clears it.
#pragma once
#include <napi.h>
#include <vector>

#include "graph/engine.h"

namespace adjoint::node {

class Handles {
 public:
  explicit Handles(Napi::Env env, Session& session) : env_(env), session_(session) {}
  ~Handles();

  // Ties a fresh JavaScript object to a cell and returns its integer.
  uint32_t bind(const Napi::Object& object, Ref<Cell> cell);
  // Throws ERR_DISPOSED.
  Cell& at(uint32_t handle, const char* op) const;
  // The object of a cell, or an empty value when there is none any more.
  Napi::Value object_of(const Cell& cell) const;
  // Gives a cell whose object has died a new one.
  uint32_t rebind_object(const Napi::Object& object, Ref<Cell> cell);
  void dispose(uint32_t handle);

  // While confined, only tensors that are bound from now on can be used.
  void confine(bool is_confined) { is_confined_ = is_confined; }

  void begin_scope() { scopes_.push_back(created_.size()); }
  // Disposes of the tensors created since begin_scope, except the handles to keep. Returns their objects:
  // other tensors will get their integers.
  Napi::Array end_scope(std::vector<uint32_t> kept);

  // Looks for memory when tensors hold much more than before, or when the device could not give the wanted
  // bytes.
  void before_allocation(Engine& engine, int64_t wanted_bytes);
  // What collects young objects, and returns whether it could; only the first one counts. It runs in the midst of work,
  // so it must not call the addon.
  void set_collector(const Napi::Function& collector);
  // Lets go of everything that JavaScript no longer holds, at the cost of a full collection.
  void collect() { collect_all(); }
  size_t live() const { return live_; }
  int64_t sweeps() const { return sweeps_; }

 private:
  static constexpr size_t least_patience = 2048;
  // The growth in tensors' bytes at which young objects are collected, where that is cheap. Memory that comes back
  // soon is still in the processor's caches, and fresh pages are dear.
  static constexpr int64_t least_young_step_bytes = int64_t{16} << 20;
  struct Slot {
    Ref<Cell> cell;
    napi_ref object = nullptr;
    uint32_t generation = 0;
    bool is_confined = false; // bound while confined
  };
  void release(Slot& slot);
  static void orphan(Cell& cell);
  void sweep_if_collected();
  void sweep();
  void plant_sentinel();
  bool is_collected() const;
  void report_bytes();
  int64_t live_bytes() const; // on all devices
  int64_t grown_bytes() const;
  void relieve_young();
  // Whether it was cheap.
  bool collect_young();
  bool call_collector();
  // Fills V8's nursery with arrays until it collects; returns how many it took.
  int fill_nursery();
  void collect_all();

  Napi::Env env_;
  Session& session_;
  std::vector<Slot> slots_ = std::vector<Slot>(1); // handle 0 is nobody's
  std::vector<uint32_t> free_;
  std::vector<std::pair<uint32_t, uint32_t>> created_; // handle and generation, inside scopes
  std::vector<size_t> scopes_;
  std::vector<Ref<Cell>> headless_; // leaves without an object whose gradient still has one
  bool is_confined_ = false;
  size_t live_ = 0;
  uint32_t binds_ = 0;
  size_t live_after_sweep_ = 0;
  size_t patience_ = least_patience; // growth in live handles at which young objects are collected
  napi_ref sentinel_ = nullptr;
  int64_t reported_bytes_ = 0;
  int64_t bytes_after_relief_ = 0;
  int64_t bytes_after_young_ = 0;
  int64_t young_step_bytes_ = least_young_step_bytes;
  Napi::FunctionReference collector_;
  int64_t sweeps_ = 0;
};

} // namespace adjoint::node
