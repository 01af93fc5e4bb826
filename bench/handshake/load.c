/*
 * The load: new TLS 1.3 connections with a client certificate or a raw public key (RFC 7250) and one DNS query each, so
 * many at a time (epoll, one thread). No session is resumed. At the end of the time no new connection is begun, and those
 * under way are finished. Prints one line of JSON.
 *
 *     load -p PORT -c CONCURRENCY -s SECONDS -C CERTIFICATE -K KEY -q HEX [-r] [-n NAME -t TYPE]
 *
 * -q  the query, as hexadecimal octets without the length; its answer must have the same ID, NOERROR and a record
 * -r  offer only a raw public key; a server that does not know them gets the certificate
 * -n  our name for the extension of this -t TYPE (dane_clientid), said when the server asks for it
 *
 * Every place has a source address of its own, 127.0.0.1 and upwards, so that ports in TIME_WAIT do not run out.
 *
 * Limitations: 127.0.0.1 only, at most 64 places, the server is not authenticated. Needs OpenSSL 3.2 or later.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PLACES = 64, MAX_MESSAGE = 4096, MAX_FAILURES = 100, MAX_SECONDS = 60 };
/* Seconds for one connection, from connect to answer. */
static const double PLACE_TIME = 5;

struct place {
  SSL *ssl;
  int fd; /* -1: nothing under way */
  int asked;
  size_t have;
  double begun;
  struct in_addr source;
  unsigned char answer[2 + MAX_MESSAGE];
};

static struct {
  int port, places, raw, extension;
  double seconds;
  const char *certificate, *key;
  unsigned char query[2 + MAX_MESSAGE];
  size_t query_length;
  unsigned char name[256]; /* a length octet, then the name */
} options = {.places = 1, .seconds = 1};

static SSL_CTX *context;
static int poll_fd;
static double *latencies; /* milliseconds */
static size_t handshakes, room, failures, raw_keys, named;
static char first_failure[256];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

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
  (void)ssl, (void)type, (void)x, (void)alert, (void)argument;
  if ((message & SSL_EXT_TLS1_3_CERTIFICATE_REQUEST) || index > 0) return 0;
  *out = options.name;
  *length = 1 + (size_t)options.name[0];
  named++;
  return 1;
}

static int accept_request(SSL *ssl, unsigned type, unsigned message, const unsigned char *in, size_t length, X509 *x,
                          size_t index, int *alert, void *argument) {
  (void)ssl, (void)type, (void)message, (void)in, (void)length, (void)x, (void)index, (void)alert, (void)argument;
  return 1;
}

static void make_context(void) {
  static const unsigned char alpn[] = "\3dot";
  static const unsigned char raw_only[] = {TLSEXT_cert_type_rpk};
  unsigned messages =
      SSL_EXT_TLS1_3_CERTIFICATE | SSL_EXT_TLS1_3_CERTIFICATE_REQUEST | SSL_EXT_TLS1_3_RAW_PUBLIC_KEY;
  context = SSL_CTX_new(TLS_client_method());
  int good = context && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) &&
             SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") &&
             SSL_CTX_set1_groups_list(context, "X25519") && SSL_CTX_set_alpn_protos(context, alpn, 4) == 0 &&
             SSL_CTX_use_certificate_file(context, options.certificate, SSL_FILETYPE_PEM) == 1 &&
             SSL_CTX_use_PrivateKey_file(context, options.key, SSL_FILETYPE_PEM) == 1;
  if (good && options.raw) good = SSL_CTX_set1_client_cert_type(context, raw_only, sizeof raw_only);
  if (good && options.name[0] > 0)
    good = SSL_CTX_add_custom_ext(context, (unsigned)options.extension, messages, add_name, NULL, NULL,
                                  accept_request, NULL);
  if (!good) give_up("TLS context: %s", ERR_error_string(ERR_get_error(), NULL));
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  /* Compressed certificates (RFC 8879) would be more work for the servers that know them. */
  SSL_CTX_set_options(context, SSL_OP_NO_TX_CERTIFICATE_COMPRESSION | SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
}

static void end_place(struct place *place) {
  SSL_free(place->ssl);
  close(place->fd);
  place->ssl = NULL;
  place->fd = -1;
}

static void fail(struct place *place, const char *why) {
  unsigned long error = ERR_get_error();
  const char *reason = error ? ERR_reason_error_string(error) : NULL;
  if (failures++ == 0) snprintf(first_failure, sizeof first_failure, "%s%s%s", why, reason ? ": " : "", reason ? reason : "");
  ERR_clear_error();
  end_place(place);
}

static void begin_place(struct place *place) {
  static const int on = 1;
  struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr = place->source};
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct epoll_event events = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = place};
  place->asked = 0;
  place->have = 0;
  place->begun = now();
  place->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (place->fd < 0) give_up("socket: %s", strerror(errno));
  /* The query goes out right behind our Finished. */
  setsockopt(place->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(place->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(place->fd, (struct sockaddr *)&source, sizeof source) != 0) give_up("bind: %s", strerror(errno));
  place->ssl = SSL_new(context);
  if (!place->ssl || !SSL_set_fd(place->ssl, place->fd)) give_up("SSL_new: out of memory");
  SSL_set_connect_state(place->ssl);
  if (connect(place->fd, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS) {
    fail(place, "connect");
    return;
  }
  if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, place->fd, &events) != 0) give_up("epoll: %s", strerror(errno));
}

static void count(struct place *place) {
  if (handshakes == room) {
    room = room ? room * 2 : 4096;
    latencies = realloc(latencies, room * sizeof *latencies);
    if (!latencies) give_up("out of memory");
  }
  latencies[handshakes++] = (now() - place->begun) * 1e3;
  raw_keys += SSL_get_negotiated_client_cert_type(place->ssl) == TLSEXT_cert_type_rpk;
}

static int is_good(const struct place *place) {
  const unsigned char *answer = place->answer + 2;
  int same_id = memcmp(answer, options.query + 2, 2) == 0;
  return same_id && (answer[2] & 0x80) && (answer[3] & 15) == 0 && (answer[6] | answer[7]);
}

/* Goes on with a connection as far as it goes without waiting. */
static void advance(struct place *place) {
  size_t moved;
  int done = place->asked ? 1 : SSL_do_handshake(place->ssl);
  if (done == 1 && !place->asked) {
    const unsigned char *protocol;
    unsigned length;
    SSL_get0_alpn_selected(place->ssl, &protocol, &length);
    if (length != 3) return fail(place, "the server did not choose ALPN dot");
    done = SSL_write_ex(place->ssl, options.query, options.query_length, &moved);
    if (done != 1) return fail(place, "the query could not be written");
    place->asked = 1;
  }
  while (done == 1) {
    done = SSL_read_ex(place->ssl, place->answer + place->have, sizeof place->answer - place->have, &moved);
    if (done != 1) break;
    place->have += moved;
    size_t whole = place->have < 2 ? sizeof place->answer : 2 + ((size_t)place->answer[0] << 8 | place->answer[1]);
    if (whole < 2 + 12 || whole > sizeof place->answer) return fail(place, "an answer of that size is not expected");
    if (place->have < whole) continue;
    if (!is_good(place)) return fail(place, "the answer is not NOERROR with a record");
    count(place);
    SSL_shutdown(place->ssl);
    end_place(place);
    return;
  }
  int error = SSL_get_error(place->ssl, done);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
    fail(place, place->asked ? "the server ended the connection before its answer" : "the handshake failed");
}

static int ascending(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

static void report(double seconds) {
  double sum = 0;
  for (size_t i = 0; i < handshakes; i++) sum += latencies[i];
  if (handshakes > 0) qsort(latencies, handshakes, sizeof *latencies, ascending);
  printf("{\"handshakes\":%zu,\"failures\":%zu,\"seconds\":%.3f,\"rawKeys\":%zu,\"named\":%zu", handshakes, failures,
         seconds, raw_keys, named);
  printf(",\"meanMs\":%.4f,\"medianMs\":%.4f,\"firstFailure\":\"%s\"}\n", handshakes ? sum / (double)handshakes : 0,
         handshakes ? latencies[handshakes / 2] : 0, first_failure);
}

static void read_query(const char *hex) {
  size_t length = strlen(hex) / 2;
  if (length < 12 || length > MAX_MESSAGE) give_up("-q: 12 to %d octets are expected", MAX_MESSAGE);
  for (size_t i = 0; i < length; i++)
    if (sscanf(hex + 2 * i, "%2hhx", &options.query[2 + i]) != 1) give_up("-q: not hexadecimal");
  options.query[0] = (unsigned char)(length >> 8);
  options.query[1] = (unsigned char)length;
  options.query_length = 2 + length;
}

static void read_options(int count, char **arguments) {
  for (int option; (option = getopt(count, arguments, "p:c:s:C:K:q:rn:t:")) != -1;) switch (option) {
      case 'p': options.port = atoi(optarg); break;
      case 'c': options.places = atoi(optarg); break;
      case 's': options.seconds = atof(optarg); break;
      case 'C': options.certificate = optarg; break;
      case 'K': options.key = optarg; break;
      case 'q': read_query(optarg); break;
      case 'r': options.raw = 1; break;
      case 'n':
        if (strlen(optarg) > 255) give_up("-n: at most 255 octets");
        options.name[0] = (unsigned char)strlen(optarg);
        memcpy(options.name + 1, optarg, options.name[0]);
        break;
      case 't': options.extension = atoi(optarg); break;
      default: exit(1);
    }
  if (options.port <= 0 || !options.certificate || !options.key || options.query_length == 0)
    give_up("-p, -C, -K and -q are needed");
  if (options.places < 1 || options.places > MAX_PLACES) give_up("-c: 1 to %d", MAX_PLACES);
  if (!(options.seconds > 0 && options.seconds <= MAX_SECONDS)) give_up("-s: at most %d", MAX_SECONDS);
}

int main(int argument_count, char **arguments) {
  static struct place places[MAX_PLACES];
  struct epoll_event events[MAX_PLACES];
  signal(SIGPIPE, SIG_IGN);
  read_options(argument_count, arguments);
  make_context();
  poll_fd = epoll_create1(0);
  double begun = now(), end = begun + options.seconds;
  for (int i = 0; i < options.places; i++) {
    places[i].fd = -1;
    places[i].source.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)i);
  }
  for (int under_way = 1; under_way > 0;) {
    under_way = 0;
    for (int i = 0; i < options.places; i++) {
      struct place *place = &places[i];
      if (place->fd >= 0 && now() - place->begun > PLACE_TIME) fail(place, "no answer in time");
      if (place->fd < 0 && failures < MAX_FAILURES && now() < end) begin_place(place);
      under_way += place->fd >= 0;
    }
    int ready = epoll_wait(poll_fd, events, MAX_PLACES, 100);
    for (int i = 0; i < ready; i++) advance(events[i].data.ptr);
  }
  report(now() - begun);
  return 0;
}
