/*
 * The load: TLS 1.3 connections that stay, each with a client certificate, and DNS queries over them (epoll, one thread).
 * All connections are opened first, and each asks one query; then a line of JSON says that they are open, and orders are
 * read from standard input, each answered with a line of JSON:
 *
 *     run SECONDS RATE   ask so long: as fast as answers come (RATE 0), or so many queries a second, at random moments
 *     each               one query on every connection, 64 at a time: they are all still there
 *
 * At the end of the input it closes the connections and ends.
 *
 *     load -p PORT -c CONNECTIONS -w OUTSTANDING -I IDENTITIES -z ZONE [-N NAMES] [-f FIRST] [-t TYPE] [-e]
 *
 * -I  file with a line for each client: name, certificate, key; the connections take them in turn
 * -z  the zone in wire form, as hexadecimal octets; asked is for the address of XXXXXXXX.zone, X being a number's digits
 * -N  how many names are asked for in turn; 0: never one twice, from the number -f on (hexadecimal digits of 32 bits)
 * -t  type of the extension in which a client says its name (dane_clientid) when the server asks for it
 * -e  every query leaves in a write of its own, not with the others of the same turn
 *
 * Every query is a TLS record of its own, as those of a stub are. An answer counts if it is NOERROR, with a record, to a
 * question that was asked under this ID. With a rate, the time of an answer counts from the moment the query was due, not
 * from when it could leave.
 *
 * Limitations: 127.0.0.1 only, from 64 source addresses (127.0.0.1 and upwards); the server is not authenticated; at most
 * 1024 queries outstanding on a connection.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "members.h"

enum {
  MAX_CONNECTIONS = 50000,
  MAX_OUTSTANDING = 1024,
  AT_ONCE = 64, /* handshakes, or queries of the order `each` */
  ADDRESSES = 64,
  BUFFER = 65536,
  SMALL_BUFFER = 4096, /* of OpenSSL, where thousands of connections stay */
  HEADER = 12,
  LABEL = 8,
  MICROSECONDS = 1000000 /* of the histogram: one second, and one place for all beyond */
};
/* Seconds for a handshake, and for the last answers of a run. */
static const double WAIT = 10;

struct slot {
  double sent;
  uint32_t number;
  uint16_t id;
  uint8_t busy;
};

struct connection {
  SSL *ssl;
  int fd; /* -1: not begun, or lost */
  int up, to_flush;
  uint16_t generation;
  size_t have;
  double begun;
  struct slot *slots;
  uint16_t *spare; /* numbers of slots that are not busy */
  int spares;
  unsigned char *buffer;
};

static struct {
  int port, connections, outstanding, extension, separately;
  uint32_t names, first;
  const char *identities;
  unsigned char zone[256];
  size_t zone_length;
} options = {.connections = 1, .outstanding = 1};

static struct connection *connections;
static int poll_fd, shift;
static unsigned char query[512];
static size_t query_length, question_length;
static uint32_t next_number;
static int opened, outstanding, saturating;
static size_t answers, failures;
static uint32_t histogram[MICROSECONDS + 1];
static char first_failure[256];

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

/* A query for an address with EDNS; ID and the digits of the number are put in later. */
static void make_query(void) {
  static const unsigned char header[] = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1};
  static const unsigned char type_and_class[] = {0, 1, 0, 1};
  static const unsigned char opt[] = {0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0};
  unsigned char *at = query + 2;
  memcpy(at, header, sizeof header), at += sizeof header;
  *at = LABEL, at += 1 + LABEL;
  memcpy(at, options.zone, options.zone_length), at += options.zone_length;
  memcpy(at, type_and_class, sizeof type_and_class), at += sizeof type_and_class;
  question_length = (size_t)(at - query) - 2 - HEADER;
  memcpy(at, opt, sizeof opt), at += sizeof opt;
  query_length = (size_t)(at - query);
  query[0] = (unsigned char)((query_length - 2) >> 8);
  query[1] = (unsigned char)(query_length - 2);
}

static void put_number(uint32_t number) {
  static const char digits[] = "0123456789abcdef";
  unsigned char *label = query + 2 + HEADER + 1;
  for (int i = LABEL - 1; i >= 0; i--, number >>= 4) label[i] = (unsigned char)digits[number & 15];
}

static void lose(struct connection *connection, const char *why) {
  unsigned long error = ERR_get_error();
  const char *reason = error ? ERR_reason_error_string(error) : NULL;
  if (failures++ == 0)
    snprintf(first_failure, sizeof first_failure, "%s%s%s", why, reason ? ": " : "", reason ? reason : "");
  ERR_clear_error();
  outstanding -= options.outstanding - connection->spares;
  connection->spares = 0;
  SSL_free(connection->ssl);
  close(connection->fd);
  connection->ssl = NULL;
  connection->fd = -1;
}

static void begin_connection(struct connection *connection, int index) {
  static const int on = 1;
  struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(index % ADDRESSES))};
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct epoll_event events = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
  size_t places = (size_t)options.outstanding;
  connection->slots = calloc(places, sizeof *connection->slots);
  connection->spare = calloc(places, sizeof *connection->spare);
  connection->buffer = malloc(BUFFER);
  connection->ssl = SSL_new(identities[index % identity_count].context);
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  BIO *buffering = BIO_new(BIO_f_buffer()), *read_side = BIO_new_socket(connection->fd, BIO_NOCLOSE);
  BIO *write_side = BIO_new_socket(connection->fd, BIO_NOCLOSE);
  if (connection->fd < 0) give_up("socket: %s", strerror(errno));
  if (!connection->slots || !connection->spare || !connection->buffer || !connection->ssl || !buffering || !read_side || !write_side)
    give_up("out of memory");
  for (int i = 0; i < options.outstanding; i++) connection->spare[connection->spares++] = (uint16_t)i;
  connection->begun = now();
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(connection->fd, (struct sockaddr *)&source, sizeof source) != 0) give_up("bind: %s", strerror(errno));
  SSL_set_bio(connection->ssl, read_side, BIO_push(buffering, write_side));
  SSL_set_connect_state(connection->ssl);
  if (connect(connection->fd, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS)
    return lose(connection, "connect");
  if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, connection->fd, &events) != 0) give_up("epoll: %s", strerror(errno));
}

static void flush(struct connection *connection) {
  BIO *bio = SSL_get_wbio(connection->ssl);
  if (BIO_flush(bio) > 0) connection->to_flush = 0;
  else if (!BIO_should_retry(bio)) lose(connection, "the server ended the connection");
}

static void ask(struct connection *connection, double due) {
  size_t moved;
  uint16_t place = connection->spare[--connection->spares];
  struct slot *slot = &connection->slots[place];
  uint32_t number = options.names > 0 ? next_number++ % options.names : options.first + next_number++;
  *slot = (struct slot){.sent = due, .number = number, .busy = 1, .id = (uint16_t)(connection->generation++ << shift | place)};
  put_number(number);
  query[2] = (unsigned char)(slot->id >> 8);
  query[3] = (unsigned char)slot->id;
  outstanding++;
  connection->to_flush = 1;
  if (SSL_write_ex(connection->ssl, query, query_length, &moved) != 1) lose(connection, "a query could not be written");
  else if (options.separately) flush(connection);
}

/* Takes one answer; says what is wrong with it. */
static const char *take(struct connection *connection, const unsigned char *answer, size_t length, double time) {
  if (length < HEADER + question_length) return "an answer is too short";
  unsigned id = (unsigned)answer[0] << 8 | answer[1], place = id & ((1u << shift) - 1);
  struct slot *slot = (int)place < options.outstanding ? &connection->slots[place] : NULL;
  if (!slot || !slot->busy || slot->id != id) return "an answer has an ID that nobody waits for";
  if (!(answer[2] & 0x80) || (answer[3] & 15) != 0 || !(answer[6] | answer[7])) return "an answer is not NOERROR with a record";
  put_number(slot->number);
  if (memcmp(answer + HEADER, query + 2 + HEADER, question_length) != 0) return "an answer is to another question";
  double microseconds = (time - slot->sent) * 1e6;
  histogram[microseconds < MICROSECONDS ? (size_t)microseconds : MICROSECONDS]++;
  slot->busy = 0;
  connection->spare[connection->spares++] = (uint16_t)place;
  outstanding--;
  answers++;
  return NULL;
}

static void read_answers(struct connection *connection) {
  for (size_t moved;;) {
    size_t begin = 0;
    if (SSL_read_ex(connection->ssl, connection->buffer + connection->have, BUFFER - connection->have, &moved) != 1) break;
    double time = now();
    connection->have += moved;
    for (;;) {
      const unsigned char *at = connection->buffer + begin;
      size_t left = connection->have - begin, length = left < 2 ? 0 : (size_t)at[0] << 8 | at[1];
      if (left < 2 || left < 2 + length) break;
      const char *wrong = take(connection, at + 2, length, time);
      if (wrong) return lose(connection, wrong);
      begin += 2 + length;
    }
    connection->have -= begin;
    memmove(connection->buffer, connection->buffer + begin, connection->have);
  }
  int error = SSL_get_error(connection->ssl, 0);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) lose(connection, "the server ended the connection");
}

static void finish_handshake(struct connection *connection) {
  const unsigned char *protocol;
  unsigned length;
  int done = SSL_do_handshake(connection->ssl);
  if (done != 1) {
    int error = SSL_get_error(connection->ssl, done);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) lose(connection, "the handshake failed");
    return;
  }
  SSL_get0_alpn_selected(connection->ssl, &protocol, &length);
  if (length != 3) return lose(connection, "the server did not choose ALPN dot");
  connection->up = 1;
  ask(connection, now());
}

/* Goes on with a connection as far as it goes without waiting. */
static void advance(struct connection *connection) {
  size_t before = answers;
  if (connection->fd >= 0 && !connection->up) finish_handshake(connection);
  if (connection->fd >= 0 && connection->up) read_answers(connection);
  if (connection->up == 1 && answers > before) connection->up = 2, opened++;
  if (saturating)
    for (double time = now(); connection->fd >= 0 && connection->up && connection->spares > 0;) ask(connection, time);
  if (connection->fd >= 0 && connection->to_flush) flush(connection);
}

static void wait_for_events(double seconds) {
  static struct epoll_event events[256];
  long nanoseconds = seconds > 0 ? (long)(fmod(seconds, 1) * 1e9) : 0;
  struct timespec time = {.tv_sec = seconds > 0 ? (time_t)seconds : 0, .tv_nsec = nanoseconds};
  int ready = epoll_pwait2(poll_fd, events, 256, &time, NULL);
  for (int i = 0; i < ready; i++) {
    struct connection *connection = events[i].data.ptr;
    if (connection->fd >= 0) advance(connection);
  }
}

static void open_all(void) {
  int begun = 0;
  while (opened < options.connections && failures == 0) {
    for (; begun < options.connections && begun - opened < AT_ONCE; begun++) begin_connection(&connections[begun], begun);
    wait_for_events(0.1);
    for (int i = 0; i < begun; i++)
      if (connections[i].up < 2 && now() - connections[i].begun > WAIT) lose(&connections[i], "no answer in time"), i = begun;
  }
}

static void begin_measuring(void) {
  memset(histogram, 0, sizeof histogram);
  answers = 0;
}

/* The last answers are waited for; those that never come are failures. */
static void drain(void) {
  for (double until = now() + WAIT; outstanding > 0 && failures == 0 && now() < until;) wait_for_events(0.05);
  if (outstanding > 0 && failures++ == 0) snprintf(first_failure, sizeof first_failure, "%d queries without an answer", outstanding);
}

static void run(double seconds, double rate) {
  double begun = now(), end = begun + seconds, due = begun;
  saturating = rate == 0;
  for (int i = 0; i < options.connections && saturating; i++)
    if (connections[i].fd >= 0) advance(&connections[i]);
  for (int turn = 0; now() < end && failures == 0;) {
    for (double time = now(); rate > 0 && due <= time;) {
      int tries = 0;
      while (tries < options.connections && connections[turn % options.connections].spares == 0) tries++, turn++;
      if (tries == options.connections) break;
      struct connection *connection = &connections[turn++ % options.connections];
      ask(connection, due);
      if (connection->fd >= 0) flush(connection);
      due -= log(1 - drand48()) / rate;
    }
    double until = rate > 0 && due < end ? due : end;
    wait_for_events(until - now());
  }
  saturating = 0;
  drain();
}

static void each(void) {
  for (int i = 0; i < options.connections && failures == 0;) {
    for (; i < options.connections && outstanding < AT_ONCE; i++) {
      if (connections[i].fd < 0) continue;
      ask(&connections[i], now());
      if (connections[i].fd >= 0) flush(&connections[i]);
    }
    wait_for_events(0.05);
  }
  drain();
}

static double percentile(double share) {
  size_t seen = 0, i = 0;
  while (i < MICROSECONDS && (double)(seen += histogram[i]) < share * (double)answers) i++;
  return (double)i / 1e3;
}

static void report(double seconds, double cpu) {
  printf("{\"answers\":%zu,\"failures\":%zu,\"seconds\":%.4f,\"cpuSeconds\":%.4f,", answers, failures, seconds, cpu);
  printf("\"medianMs\":%.3f,\"p99Ms\":%.3f,\"p999Ms\":%.3f,", percentile(0.5), percentile(0.99), percentile(0.999));
  printf("\"firstFailure\":\"%s\"}\n", first_failure);
  fflush(stdout);
}

static void read_zone(const char *hex) {
  options.zone_length = strlen(hex) / 2;
  if (options.zone_length < 1 || options.zone_length > 200) give_up("-z: 1 to 200 octets are expected");
  for (size_t i = 0; i < options.zone_length; i++)
    if (sscanf(hex + 2 * i, "%2hhx", &options.zone[i]) != 1) give_up("-z: not hexadecimal");
}

static void read_options(int count, char **arguments) {
  for (int option; (option = getopt(count, arguments, "p:c:w:I:z:N:f:t:e")) != -1;) switch (option) {
      case 'p': options.port = atoi(optarg); break;
      case 'c': options.connections = atoi(optarg); break;
      case 'w': options.outstanding = atoi(optarg); break;
      case 'I': options.identities = optarg; break;
      case 'z': read_zone(optarg); break;
      case 'N': options.names = (uint32_t)strtoul(optarg, NULL, 10); break;
      case 'f': options.first = (uint32_t)strtoul(optarg, NULL, 10); break;
      case 'e': options.separately = 1; break;
      case 't': options.extension = atoi(optarg); break;
      default: exit(1);
    }
  if (options.port <= 0 || !options.identities || options.zone_length == 0) give_up("-p, -I and -z are needed");
  if (options.connections < 1 || options.connections > MAX_CONNECTIONS) give_up("-c: 1 to %d", MAX_CONNECTIONS);
  if (options.outstanding < 1 || options.outstanding > MAX_OUTSTANDING) give_up("-w: 1 to %d", MAX_OUTSTANDING);
  while (1 << shift < options.outstanding) shift++;
}

int main(int argument_count, char **arguments) {
  double seconds, rate;
  char line[128];
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_TIMERSLACK, 1000L);
  read_options(argument_count, arguments);
  struct rlimit files = {.rlim_cur = (rlim_t)options.connections + 64, .rlim_max = (rlim_t)options.connections + 64};
  struct rlimit have;
  if (getrlimit(RLIMIT_NOFILE, &have) == 0 && have.rlim_cur < files.rlim_cur && setrlimit(RLIMIT_NOFILE, &files) != 0)
    give_up("file descriptors: %s", strerror(errno));
  read_identities(options.identities, options.extension, options.connections > 1000 ? SMALL_BUFFER : BUFFER);
  make_query();
  connections = calloc((size_t)options.connections, sizeof *connections);
  if (!connections) give_up("out of memory");
  for (int i = 0; i < options.connections; i++) connections[i].fd = -1;
  poll_fd = epoll_create1(0);
  double begun = now(), cpu = cpu_seconds();
  open_all();
  report(now() - begun, cpu_seconds() - cpu);
  while (failures == 0 && fgets(line, sizeof line, stdin)) {
    begin_measuring();
    begun = now(), cpu = cpu_seconds();
    if (sscanf(line, "run %lf %lf", &seconds, &rate) == 2) run(seconds, rate);
    else if (strcmp(line, "each\n") == 0) each();
    else give_up("not an order: %s", line);
    report(now() - begun, cpu_seconds() - cpu);
  }
  for (int i = 0; i < options.connections; i++) {
    if (connections[i].fd < 0) continue;
    SSL_shutdown(connections[i].ssl);
    (void)BIO_flush(SSL_get_wbio(connections[i].ssl));
    close(connections[i].fd);
  }
  return 0;
}
