/*
 * What OpenSSL's own DANE verification (RFC 6698, RFC 7671) says of the cases on standard input: one line each.
 *
 * Input, words separated by single spaces, `-` for no octets:
 *   certificate HEX             the next certificate; they are numbered from 0
 *   case PURPOSE SECONDS NAME   PURPOSE is client or server: what the peer is; SECONDS since the epoch
 *   root NUMBER                 a trusted root of the case
 *   chain NUMBER                a certificate that the peer sent, the end entity's first
 *   tlsa USAGE SELECTOR MATCHING HEX
 *   end                         of the case
 * Output, a line a case:
 *   match USAGE SELECTOR MATCHING DEPTH
 *   unusable                    OpenSSL would use none of the records
 *   fault CODE WORDS            X509_V_ERR_...
 *
 * Each case is verified as libssl verifies a peer's certificates (ssl_verify_cert_chain in ssl/ssl_cert.c), with the
 * parameters of an SSL for which DANE is enabled, but without a handshake: so every chain gets as far as the verification.
 * Security level 2, which is what OpenSSL 3.2 and later and Debian's configuration have: SHA-1 signatures and keys
 * below 112 bits are refused. DANE-EE has no name checks, as RFC 7671 section 5.1 wants.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINE (1 << 18)
#define MAX_CERTIFICATES 65536

static X509 *certificates[MAX_CERTIFICATES];
static int certificate_count;

/* One case, while its lines are read. */
static SSL_CTX *context;
static SSL *ssl;
static X509_STORE *roots;
static STACK_OF(X509) *chain;
static int is_client;
static int usable;

static void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static unsigned char *octets_of(const char *hex, size_t *length)
{
    long count = 0;
    unsigned char *octets;

    *length = 0;
    if (strcmp(hex, "-") == 0)
        return (unsigned char *)OPENSSL_strdup("");
    octets = OPENSSL_hexstr2buf(hex, &count);
    if (octets == NULL)
        die("not hexadecimal");
    *length = (size_t)count;
    return octets;
}

static X509 *certificate(const char *number)
{
    int index = atoi(number);

    if (index < 0 || index >= certificate_count)
        die("no such certificate");
    return certificates[index];
}

static void add_certificate(const char *hex)
{
    size_t length;
    unsigned char *octets = octets_of(hex, &length);
    const unsigned char *at = octets;

    if (certificate_count == MAX_CERTIFICATES)
        die("too many certificates");
    certificates[certificate_count] = d2i_X509(NULL, &at, (long)length);
    if (certificates[certificate_count++] == NULL)
        die("OpenSSL cannot read a certificate");
    OPENSSL_free(octets);
}

static void begin(const char *purpose, const char *seconds, const char *name)
{
    X509_VERIFY_PARAM *parameters;

    is_client = strcmp(purpose, "client") == 0;
    usable = 0;
    ssl = SSL_new(context);
    roots = X509_STORE_new();
    chain = sk_X509_new_null();
    if (ssl == NULL || roots == NULL || chain == NULL)
        die("no memory");
    /* Sets the reference identifier as well. */
    if (SSL_dane_enable(ssl, name) <= 0)
        die("DANE cannot be enabled");
    SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    parameters = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_purpose(parameters, is_client ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)strtoll(seconds, NULL, 10));
}

static void add_tlsa(const char *usage, const char *selector, const char *matching, const char *hex)
{
    size_t length;
    unsigned char *octets = octets_of(hex, &length);
    int added = 0;

    /* An empty record is malformed; OpenSSL 3.0 takes it for a lack of memory. */
    if (length > 0)
        added = SSL_dane_tlsa_add(ssl, (uint8_t)atoi(usage), (uint8_t)atoi(selector), (uint8_t)atoi(matching),
                                  octets, length);
    if (added < 0)
        die("a TLSA record cannot be added");
    usable += added;
    OPENSSL_free(octets);
}

/* The steps of ssl_verify_cert_chain. */
static void verify(void)
{
    X509_STORE_CTX *verification = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *parameters;
    int ok;
    int fault;

    if (verification == NULL || !X509_STORE_CTX_init(verification, roots, sk_X509_value(chain, 0), chain))
        die("the verification cannot begin");
    parameters = X509_STORE_CTX_get0_param(verification);
    X509_VERIFY_PARAM_set_auth_level(parameters, SSL_get_security_level(ssl));
    X509_STORE_CTX_set0_dane(verification, SSL_get0_dane(ssl));
    X509_STORE_CTX_set_default(verification, is_client ? "ssl_client" : "ssl_server");
    X509_VERIFY_PARAM_set1(parameters, SSL_get0_param(ssl));

    ok = X509_verify_cert(verification) > 0;
    fault = X509_STORE_CTX_get_error(verification);
    if (ok && fault == X509_V_OK) {
        uint8_t usage = 0;
        uint8_t selector = 0;
        uint8_t matching = 0;
        int depth;

        SSL_set_verify_result(ssl, X509_V_OK);
        depth = SSL_get0_dane_tlsa(ssl, &usage, &selector, &matching, NULL, NULL);
        printf("match %d %d %d %d\n", usage, selector, matching, depth);
    } else {
        printf("fault %d %s\n", fault, X509_verify_cert_error_string(fault));
    }
    X509_STORE_CTX_free(verification);
}

static void end(void)
{
    /* Without a usable record OpenSSL would fall back to the roots alone, which is for the caller to refuse. */
    if (usable == 0)
        printf("unusable\n");
    else
        verify();
    ERR_clear_error();
    sk_X509_free(chain);
    X509_STORE_free(roots);
    SSL_free(ssl);
}

int main(void)
{
    static char line[MAX_LINE];

    context = SSL_CTX_new(TLS_method());
    if (context == NULL || SSL_CTX_dane_enable(context) <= 0)
        die("DANE cannot be enabled");
    SSL_CTX_set_security_level(context, 2);
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *word[6];
        int words = 0;
        char *part;

        for (part = strtok(line, " \n"); part != NULL && words < 6; part = strtok(NULL, " \n"))
            word[words++] = part;
        if (words == 2 && strcmp(word[0], "certificate") == 0)
            add_certificate(word[1]);
        else if (words == 4 && strcmp(word[0], "case") == 0)
            begin(word[1], word[2], word[3]);
        else if (words == 2 && strcmp(word[0], "root") == 0)
            X509_STORE_add_cert(roots, certificate(word[1]));
        else if (words == 2 && strcmp(word[0], "chain") == 0)
            sk_X509_push(chain, certificate(word[1]));
        else if (words == 5 && strcmp(word[0], "tlsa") == 0)
            add_tlsa(word[1], word[2], word[3], word[4]);
        else if (words == 1 && strcmp(word[0], "end") == 0)
            end();
        else
            die("a line that cannot be read");
    }
    return 0;
}
