// Threads of the engine's own.
#pragma once
#include <exception>
#include <thread>
#include <utility>

#ifndef _WIN32
#include <csignal>
#include <pthread.h>
#endif

namespace adjoint {

// As long as it lives, threads that are started take no signals: those are the business of Node's threads.
class SignalsBlocked {
 public:
#ifndef _WIN32
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
#else
  SignalsBlocked() {}
  ~SignalsBlocked() {}
#endif
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

#ifndef _WIN32
 private:
  sigset_t before_;
#endif
};

// The thread is not joinable if the system has none to give, or no memory for it.
template <class Body> std::thread start_thread(Body&& body) noexcept {
  const SignalsBlocked blocked;
  try {
    return std::thread(std::forward<Body>(body));
  } catch (const std::exception&) {
    return {};
  }
}

} // namespace adjoint
