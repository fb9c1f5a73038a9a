// Threads of the engine's own.
#pragma once
#include <system_error>
#include <thread>
#include <utility>

#ifndef _WIN32
#include <csignal>
#include <pthread.h>
#endif

namespace adjoint {

// The thread is not joinable if the system has none to give. It takes no signals: those are the business of
// Node's threads.
template <class Body> std::thread start_thread(Body&& body) {
  std::thread thread;
#ifndef _WIN32
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
#endif
  try {
    thread = std::thread(std::forward<Body>(body));
  } catch (const std::system_error&) {
  }
#ifndef _WIN32
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
  return thread;
}

} // namespace adjoint
