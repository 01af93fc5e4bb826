/**
 * The sections and items of knot.conf that have nothing to do with who may do what: those of Knot DNS 3.2 (knot.conf(5)) and those
 * that later versions added. What is neither here nor read by knot.ts is reported.
 */

/** Sections that are passed over whole. */
export const knotPassedOverSections: ReadonlySet<string> = words(`
  module xdp control log statistics database keystore submission policy dnskey-sync external
  mod-alias mod-authsignal mod-cookies mod-dnserr mod-dnsproxy mod-dnstap mod-geoip mod-noudp mod-onlinesign mod-probe mod-rrl mod-stats
  mod-synthrecord mod-whoami`);

/** Sections that knot.ts reads, and of each the items that are passed over. */
const passedOverItems: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  [
    'server',
    words(`
    answer-rotation async-start background-workers ca-file cert-file comment dbus-event dbus-init-delay
    edns-client-subnet identity key-file listen listen-quic listen-tls listen-xdp max-ipv4-udp-payload
    max-ipv6-udp-payload max-tcp-clients max-udp-payload nsid pidfile quic-idle-close-timeout quic-max-clients
    quic-outbuf-max-size remote-pool-limit remote-pool-timeout remote-retry-delay rundir socket-affinity tcp-fastopen
    tcp-handshake-timeout tcp-idle-timeout tcp-io-timeout tcp-max-clients tcp-remote-io-timeout tcp-reply-timeout
    tcp-reuseport tcp-workers udp-max-payload udp-max-payload-ipv4 udp-max-payload-ipv6 udp-workers user version`),
  ],
  // A key is known by its id where it is used.
  ['key', words('algorithm comment secret')],
  ['remote', words('block-notify-after-transfer cert-hostname cert-key comment no-edns quic tls via')],
  ['remotes', words('comment')],
  ['acl', words('comment')],
  ['zone', ofZone()],
  [
    'template',
    new Set([
      ...ofZone(),
      ...words(`
    global-module journal-db journal-db-mode kasp-db max-journal-db-size max-kasp-db-size max-timer-db-size timer-db`),
    ]),
  ],
]);

export function isKnotPassedOver(section: string, item: string): boolean {
  return passedOverItems.get(section)?.has(item) === true;
}

function ofZone(): ReadonlySet<string> {
  return words(`
    adjust-threads catalog-group catalog-zone comment ddns-master default-ttl deleg-aware disable-any dnssec-metadata-db dnssec-policy dnssec-signing
    dnssec-validation ds-push dump-additions dump-new-zone dump-removals expire-max-interval expire-min-interval
    external-validation file include-from ixfr-benevolent ixfr-by-one ixfr-from-axfr journal-content
    journal-max-depth journal-max-usage master-pin-tolerance max-journal-depth max-journal-usage max-refresh-interval
    max-zone-size min-refresh-interval module notify-delay provide-ixfr refresh-jitter refresh-max-interval
    refresh-min-interval retry-max-interval retry-min-interval reverse-generate semantic-checks serial-modulo
    serial-policy storage update-delay zone-db-input zone-db-output zone-max-size zonefile-load zonefile-skip zonefile-sync zonemd-generate
    zonemd-verify`);
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}
