// Marks a failed handshake as one that failed for the dane_clientid extension: OpenSSL itself says "bad extension" of every
// malformed extension there is. The error that node:tls shows has library "dane_clientid" then.
#ifndef DANCED_TLS_REFUSAL_H_
#define DANCED_TLS_REFUSAL_H_

namespace danced {

// Puts the mark before whatever OpenSSL is about to say of this handshake.
void MarkRefusal();

}  // namespace danced

#endif  // DANCED_TLS_REFUSAL_H_
