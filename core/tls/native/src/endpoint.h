// What one TLS context does besides what node:tls set it up for: the dane_clientid extension, raw public keys, who verifies
// the peer, record padding. OpenSSL owns it: it hangs on the SSL_CTX and goes with it.
#ifndef DANCED_TLS_ENDPOINT_H_
#define DANCED_TLS_ENDPOINT_H_

#include <openssl/ssl.h>

#include <cstddef>
#include <functional>
#include <memory>

#include "connection.h"

namespace danced {

// draft-ietf-dance-client-auth: the version decides what an empty body and an empty name mean.
enum class Dialect { kDraft13, kDraft09 };

// opaque ClientName<0..2^8-1>: its length, and as many octets as that says.
inline constexpr size_t kLargestBody = 256;

// Whether the server's Certificate message is good.
using VerifyServer = std::function<bool(const Octets& certificate, int type)>;

struct Endpoint {
  bool is_server = true;
  Dialect dialect = Dialect::kDraft13;
  // 0: without the extension.
  unsigned int extension_type = 0;
  // Body of our extension: in the CertificateRequest of a server, in the Certificate of a client; a client without
  // a name has none and never sends it.
  Octets body;
  // The extension is known and never sent: a peer that sends it all the same gets its alert.
  bool is_silent = false;
  // TLS 1.2 (draft-09 only): the extension in ClientHello and ServerHello, in the clear.
  bool in_hello = false;
  // Types of certificate, preferred first (RFC 7250); empty: X.509 only.
  Octets client_certificate_types;
  Octets server_certificate_types;
  // Octets of a Certificate message that are taken from the peer.
  size_t largest_certificate_message = 0;
  // Records are padded to a multiple of this; 0 or 1: they are not (RFC 8446 section 5.4).
  size_t record_padding = 0;
  // Client: asked in the handshake, before anything of ours is sent.
  VerifyServer verify_server;

  // Makes the context do this. Null on success, else what OpenSSL did not take; the context is of no use then.
  static const char* Apply(SSL_CTX* context, std::unique_ptr<Endpoint> endpoint);
};

}  // namespace danced

#endif  // DANCED_TLS_ENDPOINT_H_
