// Reading values: at once, or as a Promise that is kept when the device has come so far.
#pragma once
#include <list>
#include <napi.h>
#include <optional>

#include "device/error.h"
#include "graph/engine.h"

namespace adjoint::node {

// Makes the elements of an array of the bytes that lie at its place for them.
void finish_array(const Node& node, void* data);
// An element: a number, a boolean, or a bigint beyond 2**53.
Napi::Value item_at(Napi::Env env, DType dtype, const void* element);
class Readers {
 public:
  Readers(Napi::Env env, Session& session);
  ~Readers();
  // A typed array with the node's number of elements, and the address of its bytes. Throws ERR_HOST_OOM where there is
  // no room for it.
  struct Array {
    Napi::Value value;
    void* data;
    void*
        place_of_bytes; // where the node's own bytes go: the elements, but of halves, which become floats in the end
  };
  Array array_for(Napi::Env env, const Node& node);
  // A Promise of the item, or of the data, of a value that is computed or under way.
  Napi::Value read(Napi::Env env, const Ref<Node>& node, bool is_item);

 private:
  struct Reader {
    napi_deferred promise = nullptr;
    Ref<Node> node;
    napi_ref array = nullptr;          // the typed array that is being filled; of an item
    alignas(8) std::byte element[8]{}; // there is none
    void* place_of_bytes = nullptr;    // in either
    void* data = nullptr;              // of the array
    std::optional<Error> problem;
    bool is_out_of_memory = false; // that is the problem, or it could not be noted
    void note(const std::exception& found) noexcept;
    std::list<Reader>::iterator place;
  };
  void open_channel(Napi::Env env);
  Napi::Value array_buffer(Napi::Env env, int64_t bytes);
  // On JavaScript's thread, when the device has come to the reader's value.
  void finish(Napi::Env env, Reader& reader);

  Session& session_;
  Napi::FunctionReference array_buffer_; // JavaScript's constructor, as it was when the library was loaded
  std::list<Reader> waiting_;
  napi_threadsafe_function channel_ = nullptr;
};

} // namespace adjoint::node
