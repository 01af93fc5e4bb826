// The options of setUpContext, from JavaScript: each of the right type and within its range, or nothing is set up.
#ifndef DANCED_TLS_OPTIONS_H_
#define DANCED_TLS_OPTIONS_H_

#include <node.h>

#include <memory>

#include "endpoint.h"

namespace danced {

// Null when an option is wrong; an exception is thrown in JavaScript then. `holder` is the object that has the SSL_CTX: it
// keeps the verifier alive. native.ts says what each option is.
std::unique_ptr<Endpoint> ReadOptions(v8::Local<v8::Context> context, v8::Local<v8::Object> holder,
                                      v8::Local<v8::Object> options);

}  // namespace danced

#endif  // DANCED_TLS_OPTIONS_H_
