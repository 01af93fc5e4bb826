// What the addon keeps of one TLS connection, from its first message to its last.
//
// OpenSSL owns it: it hangs on the SSL object and goes with it, so nothing outlives a connection. Two indexes lead to it:
// by the peer's Finished message, until JavaScript has taken what the handshake showed, and by a number after that.
// A connection belongs to the thread of its event loop; the indexes are that thread's.
//
// Limitations: one handshake of each connection is kept; a renegotiation is not (contexts forbid it).
#ifndef DANCED_TLS_CONNECTION_H_
#define DANCED_TLS_CONNECTION_H_

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace danced {

using Octets = std::string;

class Connection {
 public:
  // The connection of this SSL object, made now if there is none. Null when memory is short.
  static Connection* Of(SSL* ssl);
  // The connection whose peer has sent this Finished message, and which was not taken yet; it has its number then.
  static Connection* Take(const Octets& finished);
  // The connection that was taken under this number, if it still lives.
  static Connection* WithId(uint64_t id);
  // Connections that are known to this thread: for tests, that none is left behind.
  static size_t Count();

  // The peer's Certificate message without its header: kept once.
  void Show(const unsigned char* body, size_t length);
  // The peer's Finished message without its header: when the handshake is complete, the connection can be taken by it.
  void Finish(const unsigned char* verify_data, size_t length);
  // What was shown has been taken, and is of no more use here.
  void Forget();

  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  SSL* const ssl;
  uint64_t id = 0;
  Octets certificate;
  // Server: whether the extension went out in our CertificateRequest.
  bool has_asked = false;
  // Whether we have ended it by an alert.
  bool is_over = false;
  // Body of the peer's extension: in its Certificate or CertificateRequest (TLS 1.3), in its Hello (TLS 1.2).
  std::optional<Octets> claim;
  std::optional<Octets> hello_claim;

 private:
  explicit Connection(SSL* owner);
  Octets finished_;
};

}  // namespace danced

#endif  // DANCED_TLS_CONNECTION_H_
