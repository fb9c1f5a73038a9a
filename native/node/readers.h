// Reading values: at once, or as a Promise that is kept when the device has come so far.
#pragma once
#include <list>
#include <napi.h>
#include <optional>

#include "device/error.h"
#include "graph/engine.h"

namespace adjoint::node {

// An element: a number, a boolean, or a bigint beyond 2**53.
Napi::Value item_at(Napi::Env env, DType dtype, const void* element);
// A typed array with the node's number of elements, and the address of its bytes.
std::pair<Napi::Value, void*> array_for(Napi::Env env, const Node& node);

class Readers {
 public:
  explicit Readers(Session& session) : session_(session) {}
  ~Readers();
  // A Promise of the item, or of the data, of a value that is computed or under way.
  Napi::Value read(Napi::Env env, const Ref<Node>& node, bool is_item);

 private:
  struct Reader {
    napi_deferred promise = nullptr;
    Ref<Node> node;
    napi_ref array = nullptr;          // the typed array that is being filled; of an item
    alignas(8) std::byte element[8]{}; // there is none
    void* place_of_bytes = nullptr;    // in either
    std::optional<Error> problem;
    std::list<Reader>::iterator place;
  };
  void open_channel(Napi::Env env);
  // On JavaScript's thread, when the device has come to the reader's value.
  void finish(Napi::Env env, Reader& reader);

  Session& session_;
  std::list<Reader> waiting_;
  napi_threadsafe_function channel_ = nullptr;
};

} // namespace adjoint::node
