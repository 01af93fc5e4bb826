#include "endpoint.h"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "guard.h"
#include "refusal.h"

namespace danced {

namespace {

constexpr size_t kHandshakeHeader = 4;

void Free(void*, void* pointer, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Endpoint*>(pointer);
}

int SlotOfContext() {
  static const int slot = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, Free);
  return slot;
}

int Add(SSL* ssl, unsigned int, unsigned int context, const unsigned char** out, size_t* length, X509*, size_t chain_index,
        int* alert, void* argument) {
  const auto* endpoint = static_cast<Endpoint*>(argument);
  if (endpoint->is_silent) return 0;
  const bool in_hello = (context & (SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO)) != 0;
  if (in_hello) {
    if (!endpoint->in_hello) return 0;
  } else if (endpoint->is_server) {
    if ((context & SSL_EXT_TLS1_3_CERTIFICATE_REQUEST) == 0) return 0;
    Connection* connection = Connection::Of(ssl);
    if (connection == nullptr) {
      *alert = SSL_AD_INTERNAL_ERROR;
      return -1;
    }
    connection->has_asked = true;
  } else if (chain_index != 0) {
    // RFC 8446 section 4.4.2: what concerns the whole message stands with the first entry.
    return 0;
  }
  if (!endpoint->is_server && endpoint->body.empty()) return 0;
  *out = reinterpret_cast<const unsigned char*>(endpoint->body.data());
  *length = endpoint->body.size();
  return 1;
}

// Whether a body is a ClientName vector as the dialect has it; 0, or the alert.
int MalformedName(const Endpoint& endpoint, const unsigned char* in, size_t length) {
  if (length == 0) return endpoint.dialect == Dialect::kDraft09 ? 0 : SSL_AD_DECODE_ERROR;
  if (length > kLargestBody || length - 1 != in[0]) return SSL_AD_DECODE_ERROR;
  return 0;
}

// draft-ietf-dance-client-auth section 7: a server supplies no name; section 8.2: a client that sends the extension names itself.
int WrongName(const Endpoint& endpoint, const unsigned char* in, size_t length) {
  const bool has_name = length > 1;
  if (!endpoint.is_server) return has_name ? SSL_AD_ILLEGAL_PARAMETER : 0;
  return has_name || endpoint.dialect == Dialect::kDraft09 ? 0 : SSL_AD_HANDSHAKE_FAILURE;
}

// Keeps the body of the peer's extension; 0, or the alert.
int KeepClaim(SSL* ssl, const Endpoint& endpoint, unsigned int context, const unsigned char* in, size_t length,
         size_t chain_index) {
  Connection* connection = Connection::Of(ssl);
  if (connection == nullptr) return SSL_AD_INTERNAL_ERROR;
  const bool in_hello = (context & (SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO)) != 0;
  // RFC 8446 section 4.2: nobody sends an extension that was not asked for.
  if (!in_hello && endpoint.is_server && !connection->has_asked) return SSL_AD_UNSUPPORTED_EXTENSION;
  // RFC 8446 section 4.4.2: see Add.
  if (!in_hello && chain_index != 0) return SSL_AD_ILLEGAL_PARAMETER;
  int wrong = MalformedName(endpoint, in, length);
  if (wrong == 0) wrong = WrongName(endpoint, in, length);
  if (wrong != 0) return wrong;
  auto& claim = in_hello ? connection->hello_claim : connection->claim;
  claim.emplace(reinterpret_cast<const char*>(in), length);
  return 0;
}

int Parse(SSL* ssl, unsigned int, unsigned int context, const unsigned char* in, size_t length, X509*, size_t chain_index,
          int* alert, void* argument) {
  const auto& endpoint = *static_cast<Endpoint*>(argument);
  const int wrong =
      Guarded(SSL_AD_INTERNAL_ERROR, [&] { return KeepClaim(ssl, endpoint, context, in, length, chain_index); });
  if (wrong == 0) return 1;
  MarkRefusal();
  *alert = wrong;
  return 0;
}

// Every handshake message of the peer passes here, whole and decrypted, before OpenSSL looks into it.
void Watch(int is_written, int, int content_type, const void* buffer, size_t length, SSL* ssl, void*) {
  if (is_written != 0 || content_type != SSL3_RT_HANDSHAKE || length < kHandshakeHeader) return;
  const auto* octets = static_cast<const unsigned char*>(buffer);
  const unsigned char type = octets[0];
  if (type != SSL3_MT_CERTIFICATE && type != SSL3_MT_FINISHED) return;
  Connection* connection = Connection::Of(ssl);
  if (connection == nullptr) return;
  // What is not kept, as memory is short, was not shown: the connection is nobody's then.
  Guarded(false, [&] {
    if (type == SSL3_MT_CERTIFICATE) connection->Show(octets + kHandshakeHeader, length - kHandshakeHeader);
    else connection->Finish(octets + kHandshakeHeader, length - kHandshakeHeader);
    return true;
  });
}

// Also a good verdict leaves this error behind: it was not OpenSSL that verified. So `authorized` of node:tls is false for
// whoever would trust it; and a client of node:tls does not make an object of the server's certificate, by which a key on
// a curve without NIST name, also of an issuer that the server sends along, ends the process (Node 26.10).
constexpr int kNotOurs = X509_V_ERR_APPLICATION_VERIFICATION;

// A server's context: the certificate is judged after the handshake, by DANE and in JavaScript. OpenSSL would follow
// and verify whatever chain a stranger sends, up to tenths of a second of it.
int AcceptUnseen(X509_STORE_CTX* path, void*) {
  X509_STORE_CTX_set_error(path, kNotOurs);
  return 1;
}

int JudgeServer(X509_STORE_CTX* path, void* argument) {
  const auto& endpoint = *static_cast<Endpoint*>(argument);
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(path, SSL_get_ex_data_X509_STORE_CTX_idx()));
  Connection* connection = ssl == nullptr ? nullptr : Connection::Of(ssl);
  X509_STORE_CTX_set_error(path, kNotOurs);
  const bool is_good = connection != nullptr && Guarded(false, [&] {
    return endpoint.verify_server(connection->certificate, SSL_get_negotiated_server_cert_type(ssl));
  });
  if (is_good) return 1;
  // node:tls lets a client go on and asks later. Then our certificate and our name would be out already.
  if (ssl != nullptr) SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  // The server's operator reads bad_certificate then, and knows that it is about his own.
  X509_STORE_CTX_set_error(path, X509_V_ERR_CERT_REJECTED);
  return 0;
}

bool SetTypes(SSL_CTX* context, const Octets& types, int (*set)(SSL_CTX*, const unsigned char*, size_t)) {
  return types.empty() || set(context, reinterpret_cast<const unsigned char*>(types.data()), types.size()) == 1;
}

}  // namespace

const char* Endpoint::Apply(SSL_CTX* context, std::unique_ptr<Endpoint> endpoint) {
  const int slot = SlotOfContext();
  if (slot < 0) return "SSL_CTX_get_ex_new_index";
  if (SSL_CTX_get_ex_data(context, slot) != nullptr) return "a second set-up of one context";
  Endpoint* kept = endpoint.get();
  if (SSL_CTX_set_ex_data(context, slot, kept) != 1) return "SSL_CTX_set_ex_data";
  endpoint.release();

  if (kept->extension_type != 0) {
    unsigned int messages =
        SSL_EXT_TLS1_3_CERTIFICATE_REQUEST | SSL_EXT_TLS1_3_CERTIFICATE | SSL_EXT_TLS1_3_RAW_PUBLIC_KEY;
    if (kept->in_hello) messages |= SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO;
    if (SSL_CTX_add_custom_ext(context, kept->extension_type, messages, Add, nullptr, kept, Parse, kept) != 1) {
      return "SSL_CTX_add_custom_ext";
    }
  }
  if (!SetTypes(context, kept->client_certificate_types, SSL_CTX_set1_client_cert_type)) {
    return "SSL_CTX_set1_client_cert_type";
  }
  if (!SetTypes(context, kept->server_certificate_types, SSL_CTX_set1_server_cert_type)) {
    return "SSL_CTX_set1_server_cert_type";
  }
  if (kept->record_padding > 1 && SSL_CTX_set_block_padding(context, kept->record_padding) != 1) {
    return "SSL_CTX_set_block_padding";
  }
  if (kept->is_server) {
    // A ticket that nobody may use is octets for nothing, and would stand between our Finished and our alert.
    // Nor does TLS 1.2 get one, and no session is kept otherwise: what was proved is proved anew.
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    if (SSL_CTX_set_num_tickets(context, 0) != 1) return "SSL_CTX_set_num_tickets";
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_cert_verify_callback(context, AcceptUnseen, nullptr);
  } else {
    SSL_CTX_set_cert_verify_callback(context, JudgeServer, kept);
  }
  // A Certificate message that is sent compressed (RFC 8879) would not be seen here. And one handshake is all that is
  // watched of a connection: a second one could change who is at the other end.
  SSL_CTX_set_options(context, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_max_cert_list(context, static_cast<long>(kept->largest_certificate_message));
  SSL_CTX_set_msg_callback(context, Watch);
  return nullptr;
}

}  // namespace danced
