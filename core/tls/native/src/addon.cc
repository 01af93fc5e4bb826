// The addon's face to JavaScript. core/tls/native/native.ts has its types and says what each function is for.
//
// A context is reached by node::crypto::GetSSLCtx; Node-API would give a wrong pointer for it. So there is one build for
// each version of Node's binary interface.
#include <node.h>
#include <node_buffer.h>
#include <openssl/crypto.h>

#include <string>
#include <utility>

#include "connection.h"
#include "endpoint.h"
#include "guard.h"
#include "options.h"

// OpenSSL's own name for sending an alert; no public function sends one that is fatal. Null where Node does not export it.
// It takes an SSL_CONNECTION, which begins with its SSL: the same address, for all connections but those of QUIC.
extern "C" int ssl3_send_alert(SSL* ssl, int level, int description) __attribute__((weak));

namespace danced {

namespace {

using v8::Context;
using v8::FunctionCallbackInfo;
using v8::Integer;
using v8::Isolate;
using v8::Local;
using v8::MaybeLocal;
using v8::Number;
using v8::Object;
using v8::String;
using v8::Uint32;
using v8::Value;

// RFC 8446 section 6: AlertLevel, and the range of AlertDescription.
constexpr int kFatal = 2;
constexpr uint32_t kLargestDescription = 255;
// The largest whole number that JavaScript counts to.
constexpr double kLargestId = 9007199254740991;

Local<String> Text(Isolate* isolate, const char* text) {
  return String::NewFromUtf8(isolate, text).ToLocalChecked();
}

void Throw(Isolate* isolate, const std::string& words) {
  isolate->ThrowException(v8::Exception::Error(Text(isolate, words.c_str())));
}

bool Set(Isolate* isolate, Local<Object> object, const char* key, Local<Value> value) {
  return object->Set(isolate->GetCurrentContext(), Text(isolate, key), value).FromMaybe(false);
}

bool SetOctets(Isolate* isolate, Local<Object> object, const char* key, const Octets& octets) {
  Local<Object> buffer;
  return node::Buffer::Copy(isolate, octets.data(), octets.size()).ToLocal(&buffer) && Set(isolate, object, key, buffer);
}

// setUpContext(context, options): see native.ts. Throws when the context does not take it.
void SetUpContext(const FunctionCallbackInfo<Value>& call) {
  Isolate* isolate = call.GetIsolate();
  const Local<Context> current = isolate->GetCurrentContext();
  if (!call[0]->IsObject() || !call[1]->IsObject()) return Throw(isolate, "not a SecureContext with options");
  // The object in a SecureContext of node:tls that has the SSL_CTX, and lives as long as it.
  Local<Value> holder;
  if (!call[0].As<Object>()->Get(current, Text(isolate, "context")).ToLocal(&holder)) return;
  SSL_CTX* context = node::crypto::GetSSLCtx(current, call[0]);
  if (context == nullptr || !holder->IsObject()) return Throw(isolate, "not a SecureContext, or a closed one");
  const char* refused = Guarded("so much: memory is short", [&]() -> const char* {
    auto endpoint = ReadOptions(current, holder.As<Object>(), call[1].As<Object>());
    return endpoint == nullptr ? "" : Endpoint::Apply(context, std::move(endpoint));
  });
  // Empty: ReadOptions has thrown.
  if (refused != nullptr && *refused != '\0') Throw(isolate, std::string("the TLS context does not take ") + refused);
}

// What the peer showed, as an object; empty when memory is short.
MaybeLocal<Object> Shown(Isolate* isolate, const Connection& connection) {
  const int type = SSL_is_server(connection.ssl) ? SSL_get_negotiated_client_cert_type(connection.ssl)
                                                 : SSL_get_negotiated_server_cert_type(connection.ssl);
  const Local<Object> shown = Object::New(isolate);
  const bool is_whole = Set(isolate, shown, "id", Number::New(isolate, static_cast<double>(connection.id))) &&
                        Set(isolate, shown, "certificateType", Integer::New(isolate, type)) &&
                        SetOctets(isolate, shown, "certificate", connection.certificate) &&
                        (!connection.claim || SetOctets(isolate, shown, "claim", *connection.claim)) &&
                        (!connection.hello_claim || SetOctets(isolate, shown, "helloClaim", *connection.hello_claim));
  return is_whole ? shown : MaybeLocal<Object>();
}

// takeHandshake(peerFinished): what the peer showed, once for each connection; undefined when it is not known.
void TakeHandshake(const FunctionCallbackInfo<Value>& call) {
  if (!call[0]->IsUint8Array() || node::Buffer::Length(call[0]) == 0) return;
  Connection* connection = Guarded<Connection*>(nullptr, [&] {
    return Connection::Take(Octets(node::Buffer::Data(call[0]), node::Buffer::Length(call[0])));
  });
  Local<Object> shown;
  if (connection == nullptr || !Shown(call.GetIsolate(), *connection).ToLocal(&shown)) return;
  connection->Forget();
  call.GetReturnValue().Set(shown);
}

// sendAlert(id, description): puts a fatal alert into what is to be written, and no close_notify after it; false when it
// cannot.
void SendAlert(const FunctionCallbackInfo<Value>& call) {
  call.GetReturnValue().Set(false);
  if (!call[0]->IsNumber() || !call[1]->IsUint32() || ssl3_send_alert == nullptr) return;
  const double id = call[0].As<Number>()->Value();
  const uint32_t description = call[1].As<Uint32>()->Value();
  // Not a number compares as false.
  if (!(id >= 1 && id <= kLargestId) || description > kLargestDescription) return;
  Connection* connection = Connection::WithId(static_cast<uint64_t>(id));
  if (connection == nullptr) return;
  SSL* ssl = connection->ssl;
  if (connection->is_over || SSL_in_init(ssl) || (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN) != 0) return;
  if (ssl3_send_alert(ssl, kFatal, static_cast<int>(description)) <= 0) return;
  // An alert is the last word (RFC 8446 section 6.2): no close_notify follows it. Not by a quiet shutdown, which would make
  // node:tls believe that the peer has closed too, and close at once; what is still to come from the peer would be
  // answered by a reset, which overtakes the alert.
  connection->is_over = true;
  SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_SENT_SHUTDOWN);
  call.GetReturnValue().Set(true);
}

void ConnectionsKept(const FunctionCallbackInfo<Value>& call) {
  call.GetReturnValue().Set(Number::New(call.GetIsolate(), static_cast<double>(Connection::Count())));
}

}  // namespace

NODE_MODULE_INIT(/* exports, module, context */) {
  Isolate* isolate = Isolate::GetCurrent();
  NODE_SET_METHOD(exports, "setUpContext", SetUpContext);
  NODE_SET_METHOD(exports, "takeHandshake", TakeHandshake);
  NODE_SET_METHOD(exports, "sendAlert", SendAlert);
  NODE_SET_METHOD(exports, "connectionsKept", ConnectionsKept);
  // What does not work is undefined, and so not there.
  (void)Set(isolate, exports, "hasAlerts", v8::Boolean::New(isolate, ssl3_send_alert != nullptr));
  (void)Set(isolate, exports, "openssl", Text(isolate, OpenSSL_version(OPENSSL_VERSION_STRING)));
}

}  // namespace danced
