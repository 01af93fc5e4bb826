/**
 * The statements of BIND's configuration that have nothing to do with who may transfer, notify or update: of 9.18 and 9.20, and
 * those that older versions had. What is neither here nor read is reported as unknown.
 *
 * `allow-query` and its like are about questions, which stay with the primary; `primaries` and the like are whom a
 * secondary asks.
 */

/** Statements, and options of `options`, `view` and `zone`. */
export const notAboutAccess: ReadonlySet<string> = words(`
  acache-cleaning-interval acache-enable additional-from-auth additional-from-cache allow-proxy
  allow-proxy-on allow-query-cache allow-query-cache-on allow-query-on allow-recursion
  allow-recursion-on allow-v6-synthesis alt-transfer-source alt-transfer-source-v6 answer-cookie
  attach-cache auth-nxdomain auto-dnssec automatic-interface-scan avoid-v4-udp-ports avoid-v6-udp-ports
  bindkeys-file check-dup-records check-integrity check-mx check-mx-cname check-names check-sibling
  check-spf check-srv-cname check-svcb check-wildcard checkds cleaning-interval clients-per-query
  controls cookie-algorithm cookie-secret coresize database datasize deallocate-on-exit
  deny-answer-addresses deny-answer-aliases dialup directory disable-algorithms disable-ds-digests
  disable-empty-zone dns64 dns64-contact dns64-server dnskey-sig-validity dnsrps-enable dnsrps-library
  dnsrps-options dnssec-accept-expired dnssec-dnskey-kskonly dnssec-enable dnssec-loadkeys-interval
  dnssec-lookaside dnssec-must-be-secure dnssec-policy dnssec-secure-to-insecure dnssec-update-mode
  dnssec-validation dnstap dnstap-identity dnstap-output dnstap-version dscp dual-stack-servers
  dump-file edns-udp-size edns-version empty-contact empty-server empty-zones-enable fake-iquery
  fetch-glue fetch-quota-params fetches-per-server fetches-per-zone file files filter-aaaa
  filter-aaaa-on-v4 filter-aaaa-on-v6 flush-zones-on-shutdown forward forwarders fstrm-set-buffer-hint
  fstrm-set-flush-timeout fstrm-set-input-queue-size fstrm-set-output-notify-threshold
  fstrm-set-output-queue-model fstrm-set-output-queue-size fstrm-set-reopen-interval geoip-directory
  glue-cache has-old-clients heartbeat-interval host-statistics host-statistics-max hostname http
  http-listener-clients http-port http-streams-per-connection https-port inline-signing
  interface-interval ipv4only-contact ipv4only-enable ipv4only-server ixfr-base ixfr-from-differences
  ixfr-tmp-file journal keep-response-order key-directory key-store lame-ttl listen-on listen-on-v6
  lmdb-mapsize lock-file logging lwres maintain-ixfr-base managed-keys managed-keys-directory
  masterfile-format masterfile-style match-mapped-addresses max-acache-size max-cache-size
  max-cache-ttl max-clients-per-query max-ixfr-log-size max-ixfr-ratio max-journal-size max-ncache-ttl
  max-query-count max-query-restarts max-records max-records-per-type max-recursion-depth
  max-recursion-queries max-refresh-time max-retry-time max-rsa-exponent-size max-stale-ttl
  max-transfer-idle-in max-transfer-idle-out max-transfer-time-in max-transfer-time-out
  max-types-per-name max-udp-size max-validation-failures-per-fetch max-validations-per-fetch
  max-zone-ttl memstatistics memstatistics-file message-compression min-cache-ttl min-ncache-ttl
  min-refresh-time min-retry-time min-roots min-transfer-rate-in minimal-any minimal-responses
  multi-master named-xfer new-zones-directory no-case-compress nocookie-udp-size nosit-udp-size
  notify-defer notify-delay notify-rate notify-source notify-source-v6 notify-to-soa nsec3-test-zone
  nta-lifetime nta-recheck nxdomain-redirect parental-agents parental-source parental-source-v6
  pid-file plugin port preferred-glue prefetch provide-ixfr pubkey qname-minimization query-source
  query-source-v6 querylog queryport-pool-ports queryport-pool-updateinterval random-device rate-limit
  recursing-file recursion recursive-clients request-expire request-ixfr request-nsid request-sit
  require-server-cookie reserved-sockets resolver-nonbackoff-tries resolver-query-timeout
  resolver-retry-interval resolver-use-dns64 response-padding response-policy responselog reuseport
  rfc2308-type1 root-delegation-only root-key-sentinel rrset-order secroots-file send-cookie
  serial-queries serial-query-rate serial-update-method server-addresses server-id server-names
  servfail-ttl session-keyalg session-keyfile session-keyname sig-signing-nodes sig-signing-signatures
  sig-signing-type sig-validity-interval sig0checks-quota sig0checks-quota-exempt sig0key-checks-limit
  sig0message-checks-limit sit-secret sortlist stacksize stale-answer-client-timeout
  stale-answer-enable stale-answer-ttl stale-cache-enable stale-refresh-time startup-notify-rate
  statistics-channels statistics-file support-ixfr suppress-initial-notify synth-from-dnssec
  tcp-advertised-timeout tcp-clients tcp-idle-timeout tcp-initial-timeout tcp-keepalive
  tcp-keepalive-timeout tcp-listen-queue tcp-receive-buffer tcp-reuse-timeout tcp-send-buffer
  tkey-dhkey tkey-domain tkey-gssapi-credential tkey-gssapi-keytab tls-port topology transfer-format
  transfer-message-size transfer-source transfer-source-v6 transfers-in transfers-out transfers-per-ns
  treat-cr-as-space trust-anchor-telemetry trust-anchors trusted-keys try-tcp-refresh
  udp-receive-buffer udp-send-buffer update-check-ksk update-quota use-alt-transfer-source use-id-pool
  use-ixfr use-queryport-pool use-v4-udp-ports use-v6-udp-ports v6-bias validate-except version
  zero-no-soa-ttl zero-no-soa-ttl-cache zone-statistics
`);

/** Clauses of `tls`. */
export const tlsWords: ReadonlySet<string> = words(`
  ca-file cert-file cipher-suites ciphers dhparam-file key-file prefer-server-ciphers protocols remote-hostname session-tickets
`);

/** Clauses of `key`. */
export const keyWords: ReadonlySet<string> = words('algorithm secret');

/** Clauses of `server`, beside `keys`. */
export const serverWords: ReadonlySet<string> = words(`
  bogus edns edns-udp-size edns-version max-udp-size notify-source notify-source-v6 padding provide-ixfr query-source
  query-source-v6 request-expire request-ixfr request-ixfr-max-diffs request-nsid request-zoneversion require-cookie send-cookie
  support-ixfr tcp-keepalive tcp-only transfer-format transfer-source transfer-source-v6 transfers request-sit
`);

/** Types of zones that have no copy to give. */
export const typesWithoutData: ReadonlySet<string> = words(
  'hint forward stub static-stub redirect delegation-only',
);

export const typesOfPrimaries: ReadonlySet<string> = words('primary master');
export const typesOfSecondaries: ReadonlySet<string> = words('secondary slave mirror');

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}
