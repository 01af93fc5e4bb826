/**
 * The attributes of nsd.conf that have nothing to do with who may do what, clause by clause: those of NSD 4.6 (nsd.conf(5)) and
 * those that later versions added. What is neither here nor read by nsd.ts is reported.
 */

/** Clauses, and in each the attributes that are passed over. A clause stands here even if none is. */
export const nsdPassedOver: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  [
    'server',
    words(`
    answer-cookie chroot confine-to-zone cookie-secret cookie-secret-file cookie-staging-secret cpu-affinity
    database debug-mode difffile do-ip4 do-ip6 drop-updates hide-identity hide-version identity interface ip-address
    ip-freebind ip-transparent ip4-only ip6-only ipv4-edns-size ipv6-edns-size log-only-syslog log-time-ascii log-time-iso
    logfile metrics-enable metrics-interface metrics-path metrics-port minimal-responses nsid
    outgoing-tcp-mss pidfile port proxy-protocol-port receive-buffer-size refuse-any reload-config reuseport round-robin
    rrl-ipv4-prefix-length rrl-ipv6-prefix-length rrl-ratelimit rrl-size rrl-slip rrl-whitelist-ratelimit
    send-buffer-size server-count statistics tcp-count tcp-listen-queue tcp-mss tcp-query-count
    tcp-reject-overflow tcp-timeout tls-auth-port tls-cert-bundle tls-port tls-service-key tls-service-ocsp
    tls-service-pem use-systemd username verbosity version xdp-bpffs-path xdp-force-copy xdp-interface
    xdp-program-load xdp-program-path xfrd-cpu-affinity xfrd-reload-timeout xfrd-tcp-max xfrd-tcp-pipeline xfrdfile
    xfrdir zonefiles-check zonefiles-write zonelistfile zonesdir`),
  ],
  [
    'dnstap',
    words(`
    dnstap-enable dnstap-identity dnstap-ip dnstap-log-auth-query-messages dnstap-log-auth-response-messages
    dnstap-send-identity dnstap-send-version dnstap-socket-path dnstap-tls dnstap-tls-cert-bundle
    dnstap-tls-client-cert-file dnstap-tls-client-key-file dnstap-tls-server-name dnstap-version`),
  ],
  [
    'remote-control',
    words(`
    control-cert-file control-enable control-interface control-key-file control-port server-cert-file server-key-file`),
  ],
  [
    'verify',
    words(`
    enable interface ip-address port verifier verifier-count verifier-feed-zone verifier-timeout verify-zones`),
  ],
  // A key is known by its name where it is used.
  ['key', words('algorithm name secret')],
  ['tls-auth', words('client-cert client-key client-key-pw')],
  ['zone', ofZone()],
  ['pattern', ofZone()],
]);

/** One set of attributes of a server names its processors: server-1-cpu-affinity. */
export function isNsdPassedOver(clause: string, attribute: string): boolean {
  if (nsdPassedOver.get(clause)?.has(attribute) === true) return true;
  return clause === 'server' && /^server-[1-9][0-9]*-cpu-affinity$/.test(attribute);
}

function ofZone(): ReadonlySet<string> {
  return words(`
    allow-axfr-fallback create-ixfr ixfr-number ixfr-size max-refresh-time max-retry-time min-expire-time
    min-refresh-time min-retry-time multi-master-check multi-primary-check notify-retry outgoing-interface request-xfr
    rrl-whitelist size-limit-xfr store-ixfr verifier verifier-feed-zone verifier-timeout verify-zone zonefile zonestats`);
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}
