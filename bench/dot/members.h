/*
 * The members that load.c plays: each with a TLS context of its own, with its certificate and key and with its name for the
 * extension dane_clientid.
 *
 * Limitations: TLS 1.3 with AES-128-GCM and X25519 only, no session is resumed, the server is not authenticated. Needs
 * OpenSSL 3.2 or later.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_IDENTITIES = 1000 };

struct identity {
  SSL_CTX *context;
  unsigned char name[256]; /* a length octet, then the name */
};

static struct identity identities[MAX_IDENTITIES];
static int identity_count;

static _Noreturn void give_up(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

/* The name, in the first entry of our Certificate only. OpenSSL asks only if the CertificateRequest had the extension. */
static int add_name(SSL *ssl, unsigned type, unsigned message, const unsigned char **out, size_t *length, X509 *x,
                    size_t index, int *alert, void *argument) {
  (void)ssl, (void)type, (void)x, (void)alert;
  const struct identity *identity = argument;
  if ((message & SSL_EXT_TLS1_3_CERTIFICATE_REQUEST) || index > 0) return 0;
  *out = identity->name;
  *length = 1 + (size_t)identity->name[0];
  return 1;
}

static int accept_request(SSL *ssl, unsigned type, unsigned message, const unsigned char *in, size_t length, X509 *x,
                          size_t index, int *alert, void *argument) {
  (void)ssl, (void)type, (void)message, (void)in, (void)length, (void)x, (void)index, (void)alert, (void)argument;
  return 1;
}

/* `extension` is the number of the extension for the name; 0: it is not said. */
static void add_identity(const char *name, const char *certificate, const char *key, int extension, long read_ahead) {
  static const unsigned char alpn[] = "\3dot";
  if (identity_count == MAX_IDENTITIES) give_up("at most %d members are expected", MAX_IDENTITIES);
  struct identity *identity = &identities[identity_count++];
  SSL_CTX *context = identity->context = SSL_CTX_new(TLS_client_method());
  identity->name[0] = (unsigned char)strlen(name);
  memcpy(identity->name + 1, name, identity->name[0]);
  int good = context && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) &&
             SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") &&
             SSL_CTX_set1_groups_list(context, "X25519") && SSL_CTX_set_alpn_protos(context, alpn, 4) == 0 &&
             SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM) == 1 &&
             SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1;
  unsigned messages = SSL_EXT_TLS1_3_CERTIFICATE | SSL_EXT_TLS1_3_CERTIFICATE_REQUEST;
  if (good && extension > 0)
    good = SSL_CTX_add_custom_ext(context, (unsigned)extension, messages, add_name, NULL, identity,
                                  accept_request, NULL);
  if (!good) give_up("TLS context: %s", ERR_error_string(ERR_get_error(), NULL));
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, read_ahead);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_TX_CERTIFICATE_COMPRESSION | SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
}

/* A line for each member: name, files of certificate and key. */
static void read_identities(const char *path, int extension, long read_ahead) {
  char name[256], certificate[1024], key[1024];
  FILE *file = fopen(path, "r");
  if (!file) give_up("%s: %s", path, strerror(errno));
  while (fscanf(file, "%255s %1023s %1023s", name, certificate, key) == 3)
    add_identity(name, certificate, key, extension, read_ahead);
  fclose(file);
  if (identity_count == 0) give_up("%s: no members", path);
}
