/*
 * The answer to SOA, AXFR and IXFR, record by record: where it ends (RFC 5936 section 2.2, RFC 1995 section 4).
 *
 * Limitations: no EDNS, so that no OPT record comes after the last SOA.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
  HEADER = 12,
  SOA = 6,
  TAIL = 20 /* of a SOA record: its five numbers */
};

struct answer {
  int is_incremental; /* it was asked for so */
  uint32_t has;       /* what the client had then */
  int part;           /* see walk() */
  uint32_t serial;    /* of the first SOA record, and its last octets */
  unsigned char tail[TAIL];
};

static uint32_t number(const unsigned char *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static unsigned short_number(const unsigned char *at) { return (unsigned)at[0] << 8 | at[1]; }

/* The octet after a name; 0 when there is none. */
static size_t after_name(const unsigned char *message, size_t length, size_t at) {
  while (at < length && message[at] != 0) {
    if (message[at] >= 0xc0) return at + 2;
    at += 1 + message[at];
  }
  return at < length ? at + 1 : 0;
}

/*
 * Looks at each record of a message. `part` is where in the answer it is, since an IXFR goes on with another part at each SOA
 * record: 0 before the first, 1 after it, 2 in what is deleted, 3 in what is added; -1 when the zone comes whole. Returns 1
 * at the last SOA record, 0 when there is more to come, -1 when it cannot be read.
 */
static int walk(struct answer *answer, const unsigned char *message, size_t length) {
  size_t at = HEADER, questions = short_number(message + 4), records = short_number(message + 6);
  while (questions-- > 0) at = after_name(message, length, at) + 4;
  for (size_t i = 0; i < records; i++) {
    at = after_name(message, length, at);
    if (at == 0 || at + 10 > length || at + 10 + short_number(message + at + 8) > length) return -1;
    int is_soa = short_number(message + at) == SOA;
    size_t end = at + 10 + short_number(message + at + 8);
    int *part = &answer->part;
    if (is_soa) {
      uint32_t serial = number(message + end - TAIL);
      int is_last = *part == -1 || ((*part == 1 || *part == 3) && serial == answer->serial);
      if (*part == 0) {
        answer->serial = serial;
        memcpy(answer->tail, message + end - TAIL, TAIL);
        *part = 1;
      } else if (is_last) return i + 1 == records ? 1 : -1;
      else *part = *part == 2 ? 3 : 2;
    } else if (*part == 1) *part = -1;
    else if (*part == 0) return -1;
    at = end;
  }
  /* Nothing but the SOA record that the client has. */
  return answer->is_incremental && answer->part == 1 && answer->serial == answer->has;
}

