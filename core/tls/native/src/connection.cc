#include "connection.h"

#include <openssl/crypto.h>

#include <new>
#include <unordered_map>
#include <utility>

namespace danced {

namespace {

// No verify_data of TLS is longer (RFC 8446 section 4.4.4: the length of the hash; SHA-512 has 64 octets).
constexpr size_t kLongestFinished = 64;

struct Index {
  std::unordered_map<Octets, Connection*> by_finished;
  std::unordered_map<uint64_t, Connection*> by_id;
  uint64_t last_id = 0;
  size_t count = 0;
};
thread_local Index index;

void Free(void*, void* pointer, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Connection*>(pointer);
}

// A copy of an SSL object is another connection.
int Copy(CRYPTO_EX_DATA*, const CRYPTO_EX_DATA*, void** pointer, int, long, void*) {
  *pointer = nullptr;
  return 1;
}

int SlotOfSsl() {
  static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, Copy, Free);
  return slot;
}

}  // namespace

Connection::Connection(SSL* owner) : ssl(owner) { index.count++; }

Connection::~Connection() {
  if (!finished_.empty()) index.by_finished.erase(finished_);
  if (id != 0) index.by_id.erase(id);
  index.count--;
}

Connection* Connection::Of(SSL* ssl) {
  const int slot = SlotOfSsl();
  if (slot < 0) return nullptr;
  if (auto* known = static_cast<Connection*>(SSL_get_ex_data(ssl, slot))) return known;
  auto* made = new (std::nothrow) Connection(ssl);
  if (made == nullptr) return nullptr;
  if (SSL_set_ex_data(ssl, slot, made) == 1) return made;
  delete made;
  return nullptr;
}

Connection* Connection::Take(const Octets& finished) {
  const auto found = index.by_finished.find(finished);
  if (found == index.by_finished.end() || !SSL_is_init_finished(found->second->ssl)) return nullptr;
  Connection* connection = found->second;
  const uint64_t next = index.last_id + 1;
  index.by_id.emplace(next, connection);
  index.last_id = connection->id = next;
  index.by_finished.erase(found);
  connection->finished_.clear();
  return connection;
}

Connection* Connection::WithId(uint64_t id) {
  const auto found = index.by_id.find(id);
  return found == index.by_id.end() ? nullptr : found->second;
}

size_t Connection::Count() { return index.count; }

void Connection::Show(const unsigned char* body, size_t length) {
  if (id != 0 || !certificate.empty()) return;
  certificate.assign(reinterpret_cast<const char*>(body), length);
}

void Connection::Forget() {
  Octets().swap(certificate);
  claim.reset();
  hello_claim.reset();
}

void Connection::Finish(const unsigned char* verify_data, size_t length) {
  if (id != 0 || !finished_.empty() || length == 0) return;
  // By now OpenSSL has computed what the message must be. Another one is forged and ends the handshake; remembered, it could
  // stand in the way of the connection that it was copied from.
  unsigned char expected[kLongestFinished];
  if (SSL_get_peer_finished(ssl, expected, sizeof expected) != length || length > sizeof expected ||
      CRYPTO_memcmp(expected, verify_data, length) != 0) {
    return;
  }
  Octets finished(reinterpret_cast<const char*>(verify_data), length);
  if (index.by_finished.emplace(finished, this).second) finished_ = std::move(finished);
}

}  // namespace danced
