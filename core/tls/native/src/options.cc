#include "options.h"

#include <node_buffer.h>

#include <string>
#include <utility>

namespace danced {

namespace {

using v8::Context;
using v8::Function;
using v8::Global;
using v8::HandleScope;
using v8::Integer;
using v8::Isolate;
using v8::Local;
using v8::Object;
using v8::Private;
using v8::String;
using v8::TryCatch;
using v8::Uint32;
using v8::Value;

// A message of the handshake has its length in three octets (RFC 8446 section 4), an extension its number in two.
constexpr uint32_t kLargestMessage = 0xffffff;
constexpr uint32_t kLargestType = 0xffff;
// RFC 8446 section 5.1.
constexpr uint32_t kLargestRecord = 16384;

// Reads options until the first that is wrong; an exception waits in JavaScript then, and nothing more is asked of it.
class Reader {
 public:
  Reader(Local<Context> context, Local<Object> options)
      : isolate_(Isolate::GetCurrent()), context_(context), options_(options) {}

  bool is_good() const { return is_good_; }

  bool Flag(const char* key) {
    const Local<Value> value = Get(key);
    if (!is_good_ || value->IsUndefined()) return false;
    if (!value->IsBoolean()) Refuse(key, "true or false");
    return value->IsTrue();
  }

  uint32_t Number(const char* key, uint32_t least, uint32_t most) {
    const Local<Value> value = Get(key);
    if (!is_good_ || (value->IsUndefined() && least == 0)) return 0;
    const uint32_t number = value->IsUint32() ? value.As<Uint32>()->Value() : 0;
    if (!value->IsUint32() || number < least || number > most) {
      Refuse(key, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    return number;
  }

  Octets Buffer(const char* key) {
    const Local<Value> value = Get(key);
    if (!is_good_ || value->IsUndefined()) return {};
    if (!value->IsUint8Array()) {
      Refuse(key, "a Buffer");
      return {};
    }
    const size_t length = node::Buffer::Length(value);
    return length == 0 ? Octets() : Octets(node::Buffer::Data(value), length);
  }

  Local<Value> Get(const char* key) {
    Local<Value> value = v8::Undefined(isolate_);
    Local<String> name;
    if (is_good_) {
      is_good_ = String::NewFromUtf8(isolate_, key).ToLocal(&name) && options_->Get(context_, name).ToLocal(&value);
    }
    return is_good_ ? value : v8::Undefined(isolate_).As<Value>();
  }

  void Refuse(const char* key, const std::string& right) {
    is_good_ = false;
    Local<String> words;
    if (!String::NewFromUtf8(isolate_, (std::string(key) + " must be " + right).c_str()).ToLocal(&words)) return;
    isolate_->ThrowException(v8::Exception::TypeError(words));
  }

 private:
  Isolate* const isolate_;
  const Local<Context> context_;
  const Local<Object> options_;
  bool is_good_ = true;
};

// Wraps a function of JavaScript that is called inside of a handshake. Whatever it throws counts as "no".
//
// The function usually knows the socket or its context. Held from here it would keep the context that keeps this, and
// nothing would ever be freed; so the holder's object keeps it, and this only knows it.
bool Verifier(Local<Context> current, Local<Object> holder, Local<Function> function, VerifyServer* verifier) {
  Isolate* isolate = Isolate::GetCurrent();
  const Local<Private> key = Private::ForApi(isolate, String::NewFromUtf8Literal(isolate, "danced.verifyServer"));
  if (!holder->SetPrivate(current, key, function).FromMaybe(false)) return false;
  auto known = std::make_shared<Global<Function>>(isolate, function);
  known->SetWeak();
  *verifier = [isolate, known](const Octets& certificate, int type) {
    HandleScope scope(isolate);
    const Local<Function> verify = known->Get(isolate);
    Local<Context> context;
    if (verify.IsEmpty() || !verify->GetCreationContext(isolate).ToLocal(&context)) return false;
    Context::Scope entered(context);
    TryCatch caught(isolate);
    Local<Object> message;
    if (!node::Buffer::Copy(isolate, certificate.data(), certificate.size()).ToLocal(&message)) return false;
    Local<Value> arguments[] = {message, Integer::New(isolate, type)};
    Local<Value> verdict;
    return verify->Call(context, v8::Undefined(isolate), 2, arguments).ToLocal(&verdict) && verdict->IsTrue();
  };
  return true;
}

}  // namespace

std::unique_ptr<Endpoint> ReadOptions(Local<Context> context, Local<Object> holder, Local<Object> options) {
  Reader reader(context, options);
  auto endpoint = std::make_unique<Endpoint>();
  endpoint->is_server = reader.Flag("isServer");
  endpoint->dialect = reader.Flag("isDraft09") ? Dialect::kDraft09 : Dialect::kDraft13;
  endpoint->extension_type = reader.Number("extensionType", 0, kLargestType);
  endpoint->body = reader.Buffer("body");
  endpoint->is_silent = reader.Flag("isSilent");
  endpoint->in_hello = reader.Flag("inHello");
  endpoint->client_certificate_types = reader.Buffer("clientCertificateTypes");
  endpoint->server_certificate_types = reader.Buffer("serverCertificateTypes");
  endpoint->largest_certificate_message = reader.Number("largestCertificateMessage", 1, kLargestMessage);
  endpoint->record_padding = reader.Number("recordPadding", 0, kLargestRecord);
  const Local<Value> verify = reader.Get("verifyServer");
  if (!reader.is_good()) return nullptr;
  if (verify->IsFunction()) {
    if (!Verifier(context, holder, verify.As<Function>(), &endpoint->verify_server)) return nullptr;
  } else if (!verify->IsUndefined() || !endpoint->is_server) {
    // Without one every server would be told no; better to say so here than in a handshake.
    reader.Refuse("verifyServer", "a function");
  }
  if (endpoint->body.size() > kLargestBody) reader.Refuse("body", "a ClientName vector, 256 octets at most");
  return reader.is_good() ? std::move(endpoint) : nullptr;
}

}  // namespace danced
