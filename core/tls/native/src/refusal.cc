#include "refusal.h"

#include <openssl/err.h>

namespace danced {

namespace {

constexpr int kBadExtension = 1;

// OpenSSL keeps pointers to these words, so they stay.
ERR_STRING_DATA library_name[] = {{0, "dane_clientid"}, {0, nullptr}};
ERR_STRING_DATA reasons[] = {{ERR_PACK(0, 0, kBadExtension), "bad extension"}, {0, nullptr}};

// Our number among OpenSSL's libraries; 0: there is none.
int Library() {
  static const int library = [] {
    const int number = ERR_get_next_error_library();
    library_name[0].error = ERR_PACK(number, 0, 0);
    ERR_load_strings(number, library_name);
    ERR_load_strings(number, reasons);
    // node:tls drops an error that has no words, and with it the end of the connection.
    return ERR_reason_error_string(ERR_PACK(number, 0, kBadExtension)) == nullptr ? 0 : number;
  }();
  return library;
}

}  // namespace

void MarkRefusal() {
  const int library = Library();
  if (library != 0) ERR_raise(library, kBadExtension);
}

}  // namespace danced
