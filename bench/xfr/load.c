/*
 * The load: secondaries that ask for a zone, over TLS 1.3 with a client certificate or over plain TCP, and read what comes as
 * fast as they can (epoll, one thread). Prints one line of JSON.
 *
 *     load -p PORT -z ZONE -q TYPE [-s SERIAL] [-I IDENTITIES -t TYPE] [-n CONNECTIONS] [-a ASKS] [-r TIMES]
 *     load -p PORT -z ZONE -q 6 -s SERIAL -w SECONDS [-I IDENTITIES -t TYPE]
 *
 * -z  the zone in wire form, as hexadecimal octets
 * -q  type that is asked for: 252 (AXFR), 251 (IXFR) or 6 (SOA)
 * -s  serial: what an IXFR starts from
 * -I  file with a line for each secondary: name, certificate, key; the connections take them in turn. Without it: plain TCP
 * -t  type of the extension in which a client says its name (dane_clientid) when the server asks for it
 * -n  connections at once; all are opened before the first asks, then all ask in one go
 * -a  how often each connection asks, one after the other
 * -r  how often all of that is done, each time with new connections
 * -w  asks, again and again for so long, until the SOA record has the serial; a connection that ends is opened again
 *
 * A transfer counts when every message is NOERROR to its question's ID and the last SOA record has been seen where it must be
 * (RFC 5936 section 2.2, RFC 1995 section 4). Of an AXFR only those messages are walked whose last octets are those of the
 * first SOA record, so that the load costs less than the server; of an IXFR all are.
 *
 * Limitations: 127.0.0.1 only; the server is not authenticated; no EDNS.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"
#include "members.h"

enum {
  MAX_CONNECTIONS = 1000,
  BUFFER = 262144,
  IXFR = 251,
  WAIT_US = 5000,    /* between two looks with -w */
  PATIENCE = 120     /* seconds without an octet */
};

/* Of one transfer; times in seconds. */
struct outcome {
  double connect; /* from connect(2) to the end of the handshake; 0 if it was open already */
  double first;   /* from the query to the first octet of the answer */
  double last;    /* from the query to the last */
  size_t records, messages, octets;
  uint32_t serial;
};

struct connection {
  SSL *ssl;
  int fd; /* -1: none */
  int up, asks, more;
  double begun, opened, asked, seen;
  struct outcome now;
  struct answer answer;
  size_t have;
  unsigned char *buffer;
};

static struct {
  int port, type, connections, asks, times, extension;
  double wait;
  uint32_t serial;
  const char *identities;
  unsigned char zone[256];
  size_t zone_length;
} options = {.connections = 1, .asks = 1, .times = 1};

static struct connection *connections;
static struct outcome *outcomes;
static size_t outcome_count;
static int poll_fd, finished;
static unsigned char query[1024];
static size_t query_length;
static char failure[256];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double cpu_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The query; an IXFR has the SOA record of the version that the client has, with names of the root. */
static void make_query(void) {
  unsigned char *at = query + 2;
  int incremental = options.type == IXFR;
  memcpy(at, (unsigned char[]){0x2a, 0x2a, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, HEADER);
  at[9] = (unsigned char)incremental;
  at += HEADER;
  memcpy(at, options.zone, options.zone_length), at += options.zone_length;
  memcpy(at, (unsigned char[]){0, (unsigned char)options.type, 0, 1}, 4), at += 4;
  if (incremental) {
    memcpy(at, (unsigned char[]){0xc0, HEADER, 0, SOA, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0}, 14), at += 14;
    uint32_t serial = htonl(options.serial);
    memcpy(at, &serial, 4), memset(at + 4, 0, 16), at += TAIL;
  }
  query_length = (size_t)(at - query);
  query[0] = (unsigned char)((query_length - 2) >> 8);
  query[1] = (unsigned char)(query_length - 2);
}

static void close_connection(struct connection *connection) {
  if (connection->fd < 0) return;
  SSL_free(connection->ssl);
  close(connection->fd);
  connection->ssl = NULL;
  connection->fd = -1;
  connection->more = 0;
}

/* With -w the connection is opened again; without, nothing of this run is worth anything. */
static void lose(struct connection *connection, const char *why) {
  unsigned long error = ERR_get_error();
  const char *reason = error ? ERR_reason_error_string(error) : NULL;
  if (!*failure || options.wait > 0)
    snprintf(failure, sizeof failure, "%s%s%s", why, reason ? ": " : "", reason ? reason : "");
  ERR_clear_error();
  close_connection(connection);
}

static int is_broken(void) { return *failure && options.wait == 0; }

static void begin_connection(struct connection *connection, int index) {
  static const int on = 1;
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct epoll_event events = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
  unsigned char *buffer = connection->buffer ? connection->buffer : malloc(BUFFER);
  *connection = (struct connection){.buffer = buffer, .begun = now(), .seen = now()};
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (connection->fd < 0) give_up("socket: %s", strerror(errno));
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (identity_count > 0) {
    connection->ssl = SSL_new(identities[index % identity_count].context);
    if (!connection->ssl || !buffer || !SSL_set_fd(connection->ssl, connection->fd)) give_up("out of memory");
    SSL_set_connect_state(connection->ssl);
  }
  if (connect(connection->fd, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS)
    return lose(connection, "connect");
  if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, connection->fd, &events) != 0) give_up("epoll: %s", strerror(errno));
}

/* Goes on with connect(2) or the handshake. */
static void finish_opening(struct connection *connection) {
  const unsigned char *protocol;
  unsigned length = 3;
  if (connection->ssl) {
    int done = SSL_do_handshake(connection->ssl);
    if (done != 1) {
      int error = SSL_get_error(connection->ssl, done);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) lose(connection, "the handshake failed");
      return;
    }
    SSL_get0_alpn_selected(connection->ssl, &protocol, &length);
  } else {
    struct sockaddr_in peer;
    int error = 0;
    socklen_t size = sizeof peer, error_size = sizeof error;
    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &error_size);
    if (error != 0) return lose(connection, strerror(error));
    if (getpeername(connection->fd, (struct sockaddr *)&peer, &size) != 0) return;
  }
  if (length != 3) return lose(connection, "the server did not choose ALPN dot");
  connection->up = 1;
  connection->opened = now();
}

static void ask(struct connection *connection) {
  size_t moved = 0;
  connection->now = (struct outcome){.connect = connection->asks++ ? 0 : connection->opened - connection->begun};
  connection->answer = (struct answer){.is_incremental = options.type == IXFR, .has = options.serial};
  connection->asked = connection->seen = now();
  if (connection->ssl) SSL_write_ex(connection->ssl, query, query_length, &moved);
  else moved = (size_t)write(connection->fd, query, query_length);
  if (moved != query_length) lose(connection, "the query could not be written");
}

/* Takes one message: 1 if it ends the answer, 0 if more is to come; otherwise the connection is lost. */
static int take(struct connection *connection, const unsigned char *message, size_t length) {
  if (length < HEADER || memcmp(message, query + 2, 2) != 0 || !(message[2] & 0x80)) return lose(connection, "not an answer"), -1;
  int rcode = message[3] & 15, is_first = connection->now.messages++ == 0, records = (int)short_number(message + 6);
  if (options.wait > 0 && (rcode != 0 || records == 0)) return 1;
  if (rcode != 0 || records == 0) {
    char words[64];
    snprintf(words, sizeof words, "RCODE %d with %d records", rcode, records);
    return lose(connection, words), -1;
  }
  connection->now.records += (size_t)records;
  if (options.type == SOA) return walk(&connection->answer, message, length) < 0 ? (lose(connection, "not a SOA"), -1) : 1;
  int to_walk = is_first || options.type == IXFR || memcmp(message + length - TAIL, connection->answer.tail, TAIL) == 0;
  if (!to_walk) return 0;
  /* In an AXFR only the last record can be told from here, as what came before was not looked at. */
  int ended = walk(&connection->answer, message, length);
  if (ended < 0) lose(connection, "a message that cannot be read");
  return ended;
}

static void note(struct connection *connection) {
  outcomes = realloc(outcomes, (outcome_count + 1) * sizeof *outcomes);
  if (!outcomes) give_up("out of memory");
  connection->now.last = connection->seen - connection->asked;
  connection->now.serial = connection->answer.serial;
  outcomes[outcome_count++] = connection->now;
  if (connection->asks < options.asks) return ask(connection);
  finished++;
}

/* Reads until nothing is there or the buffer is full; says how much came, -1 at the end of the connection. */
static long fill(struct connection *connection) {
  size_t before = connection->have, moved;
  for (connection->more = 1; connection->have < BUFFER; connection->have += moved) {
    int good;
    if (connection->ssl) good = SSL_read_ex(connection->ssl, connection->buffer + connection->have, BUFFER - connection->have, &moved);
    else {
      ssize_t count = read(connection->fd, connection->buffer + connection->have, BUFFER - connection->have);
      if (count < 0 && errno == EAGAIN) break;
      good = count > 0;
      moved = good ? (size_t)count : 0;
    }
    if (good) continue;
    int error = connection->ssl ? SSL_get_error(connection->ssl, 0) : SSL_ERROR_ZERO_RETURN;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) break;
    return connection->have > before ? (long)(connection->have - before) : -1;
  }
  connection->more = connection->have == BUFFER;
  return (long)(connection->have - before);
}

static void read_answers(struct connection *connection) {
  long came = fill(connection);
  if (came < 0) return lose(connection, "the server ended the connection");
  if (came == 0) return;
  connection->seen = now();
  if (connection->now.first == 0) connection->now.first = connection->seen - connection->asked;
  connection->now.octets += (size_t)came;
  size_t begin = 0;
  for (;;) {
    const unsigned char *at = connection->buffer + begin;
    size_t left = connection->have - begin;
    if (left < 2 || left < 2 + short_number(at)) break;
    int ended = take(connection, at + 2, short_number(at));
    if (connection->fd < 0) return;
    begin += 2 + short_number(at);
    if (ended) note(connection);
  }
  connection->have -= begin;
  memmove(connection->buffer, connection->buffer + begin, connection->have);
}

static void advance(struct connection *connection) {
  if (connection->fd >= 0 && !connection->up) finish_opening(connection);
  if (connection->fd >= 0 && connection->asks > 0) read_answers(connection);
}

static void wait_for_events(int milliseconds) {
  static struct epoll_event events[MAX_CONNECTIONS];
  int any_more = 0;
  for (int i = 0; i < options.connections; i++) {
    struct connection *connection = &connections[i];
    if (connection->fd >= 0 && connection->more) advance(connection), any_more |= connection->more;
  }
  int ready = epoll_wait(poll_fd, events, MAX_CONNECTIONS, any_more ? 0 : milliseconds);
  for (int i = 0; i < ready; i++) {
    struct connection *connection = events[i].data.ptr;
    if (connection->fd >= 0) advance(connection);
  }
}

static int count_open(void) {
  int open = 0;
  for (int i = 0; i < options.connections; i++) open += connections[i].up;
  return open;
}

static void once(void) {
  finished = 0;
  for (int i = 0; i < options.connections; i++) begin_connection(&connections[i], i);
  for (double until = now() + PATIENCE; count_open() < options.connections && !is_broken(); wait_for_events(100))
    if (now() > until) lose(&connections[0], "not all connections open in time");
  for (int i = 0; i < options.connections && !is_broken(); i++) ask(&connections[i]);
  while (finished < options.connections && !is_broken()) {
    wait_for_events(100);
    for (int i = 0; i < options.connections; i++)
      if (connections[i].fd >= 0 && now() - connections[i].seen > PATIENCE && finished < options.connections)
        lose(&connections[i], "nothing has come for too long"), i = options.connections;
  }
  for (int i = 0; i < options.connections; i++) {
    if (connections[i].fd >= 0 && connections[i].ssl) SSL_shutdown(connections[i].ssl);
    close_connection(&connections[i]);
  }
}

/* Until the SOA record has the serial, or the time is over. */
static void wait_for_serial(void) {
  struct connection *connection = &connections[0];
  connection->fd = -1;
  options.asks = 1;
  for (double until = now() + options.wait; now() < until;) {
    if (connection->fd < 0) begin_connection(connection, 0);
    if (connection->fd >= 0 && !connection->up) wait_for_events(50);
    if (connection->fd < 0 || !connection->up) {
      if (connection->fd < 0) usleep(WAIT_US);
      continue;
    }
    finished = 0;
    ask(connection);
    while (connection->fd >= 0 && finished == 0 && now() < until) wait_for_events(50);
    if (finished > 0 && connection->answer.serial == options.serial) {
      *failure = 0;
      return;
    }
    usleep(WAIT_US);
  }
  if (!*failure) snprintf(failure, sizeof failure, "the serial did not come");
}

static void report(double cpu) {
  printf("{\"failure\":\"%s\",\"cpuSeconds\":%.4f,\"transfers\":[", failure, cpu);
  for (size_t i = 0; i < outcome_count; i++) {
    const struct outcome *each = &outcomes[i];
    printf("%s{\"connect\":%.6f,\"first\":%.6f,\"last\":%.6f,", i ? "," : "", each->connect, each->first, each->last);
    printf("\"records\":%zu,\"messages\":%zu,\"octets\":%zu,\"serial\":%u}", each->records, each->messages, each->octets, each->serial);
  }
  printf("]}\n");
}

static void read_zone(const char *hex) {
  options.zone_length = strlen(hex) / 2;
  if (options.zone_length < 1 || options.zone_length > 255) give_up("-z: 1 to 255 octets are expected");
  for (size_t i = 0; i < options.zone_length; i++)
    if (sscanf(hex + 2 * i, "%2hhx", &options.zone[i]) != 1) give_up("-z: not hexadecimal");
}

static void read_options(int count, char **arguments) {
  for (int option; (option = getopt(count, arguments, "p:z:q:s:I:t:n:a:r:w:")) != -1;) switch (option) {
      case 'p': options.port = atoi(optarg); break;
      case 'z': read_zone(optarg); break;
      case 'q': options.type = atoi(optarg); break;
      case 's': options.serial = (uint32_t)strtoul(optarg, NULL, 10); break;
      case 'I': options.identities = optarg; break;
      case 't': options.extension = atoi(optarg); break;
      case 'n': options.connections = atoi(optarg); break;
      case 'a': options.asks = atoi(optarg); break;
      case 'r': options.times = atoi(optarg); break;
      case 'w': options.wait = atof(optarg); break;
      default: exit(1);
    }
  if (options.port <= 0 || options.zone_length == 0 || options.type <= 0) give_up("-p, -z and -q are needed");
  if (options.connections < 1 || options.connections > MAX_CONNECTIONS) give_up("-n: 1 to %d", MAX_CONNECTIONS);
}

int main(int argument_count, char **arguments) {
  signal(SIGPIPE, SIG_IGN);
  read_options(argument_count, arguments);
  if (options.identities) read_identities(options.identities, options.extension, BUFFER);
  make_query();
  connections = calloc((size_t)options.connections, sizeof *connections);
  if (!connections) give_up("out of memory");
  poll_fd = epoll_create1(0);
  double cpu = cpu_seconds();
  if (options.wait > 0) wait_for_serial();
  else
    for (int i = 0; i < options.times && !is_broken(); i++) once();
  report(cpu_seconds() - cpu);
  return 0;
}
