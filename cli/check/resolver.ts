/**
 * Checks every resolver (does it answer, does it validate), and by it our own TLSA record: is it published, protected by
 * DNSSEC, and of the certificate that we have.
 */
import type { LoadedConfig } from '../../core/config/config.ts';
import { formatEndpoint, type Endpoint } from '../../core/config/endpoint.ts';
import { describeTlsa, tlsaFor, TlsaParameterError } from '../../core/dane/tlsa.ts';
import { RrType } from '../../core/dns/constants.ts';
import { DnsFormatError } from '../../core/dns/errors.ts';
import { Name } from '../../core/dns/name.ts';
import { parseTlsa, type Tlsa } from '../../core/dns/rdata.ts';
import { TrustAdResolver, type LookupResult } from '../../core/resolver/trust-ad.ts';
import type { LoadedIdentity } from '../../core/tls/identity.ts';
import { describeRecord } from '../tlsa-record.ts';
import { FindingsAt, type Fault, type Finding } from './finding.ts';

const daneEe = 3;

/** `identity` is undefined when it could not be loaded; then only the resolvers are checked. */
export async function checkResolvers(
  loaded: LoadedConfig,
  identity: LoadedIdentity | undefined,
): Promise<Finding[]> {
  const { config, document } = loaded;
  const results = await Promise.all(config.resolver.servers.map((server) => askServer(server, loaded)));
  const findings = results.map(({ server, fault }, index) => {
    const at = new FindingsAt(document, ['resolver', 'servers', index]);
    return fault
      ? at.failed(fault)
      : at.ok(`the resolver ${formatEndpoint(server)} answers and validates DNSSEC`);
  });
  const best = results.find(({ own, fault }) => fault === undefined && own.status !== 'indeterminate');
  if (best === undefined || identity === undefined) return findings;
  return [
    ...findings,
    judgeRecord(new FindingsAt(document, ['identity', 'name']), best.own, config.identity.name, identity),
  ];
}

interface ServerResult {
  readonly server: Endpoint;
  /** Our own TLSA record as this server gives it. */
  readonly own: LookupResult;
  /** undefined: it validates. */
  readonly fault: Fault | undefined;
}

async function askServer(server: Endpoint, { config }: LoadedConfig): Promise<ServerResult> {
  const resolver = new TrustAdResolver({ servers: [server], timeoutMs: config.resolver.timeoutMs });
  const who = `the resolver ${formatEndpoint(server)}`;
  const own = await resolver.lookup(config.identity.name, RrType.TLSA);
  if (own.status === 'secure' || own.status === 'bogus') return { server, own, fault: undefined };
  // The root is signed: a resolver that does not say so does not validate at all.
  const root = await resolver.lookup(Name.root, RrType.NS);
  if (root.status === 'secure') return { server, own, fault: undefined };
  if (root.status === 'insecure') {
    const wrong = `${who} does not validate: even the signed root comes without the AD bit`;
    return { server, own, fault: { wrong, right: turnItOn } };
  }
  if (own.status === 'insecure') {
    const wrong = `${who} answers, but cannot look up the root (${root.detail}), so it cannot validate`;
    return { server, own, fault: { wrong, right: 'look in its log' } };
  }
  const wrong = `${who} does not answer: ${own.detail}`;
  return { server, own, fault: { wrong, right: startIt } };
}

const turnItOn =
  'turn validation on (Unbound: auto-trust-anchor-file; BIND: dnssec-validation auto), or name one that validates';
const startIt = 'start a validating resolver there (Unbound, BIND, Knot Resolver), or correct the address';

function judgeRecord(at: FindingsAt, own: LookupResult, name: Name, identity: LoadedIdentity): Finding {
  const tlsa = tlsaFor(identity, { usage: daneEe, selector: 1, matchingType: 1 });
  const publish = `publish: ${describeRecord(name, tlsa).record}`;
  const owner = name.toString();
  if (own.status === 'bogus') {
    const wrong = `the TLSA record of ${owner} fails DNSSEC validation (${own.detail}), so no peer believes it`;
    return at.failed({ wrong, right: 'mend the signatures of its zone' });
  }
  const records = own.records.flatMap((record) => readTlsa(record.rdata));
  const ours = records.find((record) => publishes(record, identity));
  if (records.length === 0) {
    return at.warning({ wrong: `${owner} has no TLSA record, so no peer can know us by it`, right: publish });
  }
  if (own.status === 'insecure') {
    const wrong = `the TLSA record of ${owner} is not protected by DNSSEC, so no peer believes it`;
    return at.warning({ wrong, right: 'sign its zone and publish the DS record in the zone above' });
  }
  if (ours === undefined) {
    return at.failed({
      wrong: `no TLSA record of ${owner} is of the certificate that we have`,
      right: publish,
    });
  }
  return at.ok(
    `the TLSA record of ${owner} (${describeTlsa(ours)}) is published, secure, and of our certificate`,
  );
}

function readTlsa(rdata: Buffer): Tlsa[] {
  try {
    return [parseTlsa(rdata)];
  } catch (error) {
    if (error instanceof DnsFormatError) return [];
    throw error;
  }
}

/** Whether a DANE-EE record matches what we have (RFC 7671 section 5.1). */
function publishes(record: Tlsa, identity: LoadedIdentity): boolean {
  if (record.usage !== daneEe) return false;
  try {
    return tlsaFor(identity, record).data.equals(record.data);
  } catch (error) {
    // A selector or matching type that nobody has defined.
    if (error instanceof TlsaParameterError) return false;
    throw error;
  }
}
