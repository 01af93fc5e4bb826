// Calls of our code by C code. What the standard library throws (memory is short) must not pass through functions of
// OpenSSL and V8, which know nothing of exceptions.
#ifndef DANCED_TLS_GUARD_H_
#define DANCED_TLS_GUARD_H_

#include <exception>
#include <utility>

namespace danced {

// The result of the action, or this one if it throws.
template <typename Result, typename Action>
Result Guarded(Result otherwise, Action&& action) noexcept {
  try {
    return std::forward<Action>(action)();
  } catch (const std::exception&) {
    return otherwise;
  }
}

}  // namespace danced

#endif  // DANCED_TLS_GUARD_H_
