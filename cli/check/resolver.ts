/**
 * Checks every resolver (does it answer, does it do its part of DNSSEC), and by it our own TLSA record: is it published, protected by
 * DNSSEC, and of the certificate that we have.
 */
import type { LoadedConfig } from '../../core/config/config.ts';
import type { Endpoint } from '../../core/config/endpoint.ts';
import { formatServer } from '../../core/config/server-text.ts';
import { describeTlsa, tlsaFor, TlsaParameterError } from '../../core/dane/tlsa.ts';
import { RrType } from '../../core/dns/constants.ts';
import { openResolver } from '../../core/embed/resolution.ts';
import { Name } from '../../core/dns/name.ts';
import { parseOrNothing, parseTlsa, type Tlsa } from '../../core/dns/rdata.ts';
import type { LookupResult } from '../../core/resolver/resolver.ts';
import { TrustAdResolver } from '../../core/resolver/trust-ad.ts';
import type { LoadedIdentity } from '../../core/tls/identity.ts';
import type { DotGateConfig } from '../../plugins/dot-resolver/gate/config.ts';
import { dotGate } from '../../plugins/dot-resolver/gate/gate.ts';
import type { RecursiveAuthGateConfig } from '../../plugins/recursive-auth/gate/config.ts';
import { recursiveAuthGate } from '../../plugins/recursive-auth/gate/gate.ts';
import { describeRecord } from '../tlsa-record.ts';
import { FindingsAt, type Fault, type Finding } from './finding.ts';
import { askValidatingServer } from './validating-server.ts';

const daneEe = 3;

/** `identity` is undefined when it could not be loaded; then only the resolvers are checked. */
export async function checkResolvers(
  loaded: LoadedConfig,
  identity: LoadedIdentity | undefined,
  nowMs: () => number,
): Promise<Finding[]> {
  const { config, document } = loaded;
  const { resolver } = config;
  const { name } = config.identity;
  const isLocal = resolver.validation === 'local';
  const results = await Promise.all<ServerResult>(
    isLocal
      ? resolver.servers.map((server) => askValidatingServer(server, resolver, name, nowMs))
      : resolver.servers.map((server) => askTrustedServer(server, resolver.timeoutMs, name)),
  );
  const findings = results.map(({ fault }, index) => {
    const at = new FindingsAt(document, ['resolver', 'servers', index]);
    const who = `the resolver ${formatServer(resolver.servers[index] ?? { address: '', port: 0 })}`;
    if (fault !== undefined) return at.failed(fault);
    return at.ok(`${who} answers and ${isLocal ? 'passes DNSSEC records through' : 'validates DNSSEC'}`);
  });
  const working = results.filter(({ fault }) => fault === undefined).map(({ own }) => own);
  const best = working.find(({ status }) => status !== 'indeterminate') ?? working[0];
  if (best === undefined || identity === undefined) return findings;
  const servers = await checkServerRecords(loaded, identity, nowMs);
  // These gates are nobody's clients: they are known by the records of their ports alone.
  if (config.plugins.length > 0 && config.plugins.every(({ use }) => isServerOnly(use))) {
    return [...findings, ...servers];
  }
  const ours = judgeRecord(new FindingsAt(document, ['identity', 'name']), best, name, identity);
  return [...findings, ours, ...servers];
}

/** The TLSA records `_PORT._tcp.NAME` of gates, by which agents know them (RFC 6698 section 3). */
async function checkServerRecords(
  { config, document }: LoadedConfig,
  identity: LoadedIdentity,
  nowMs: () => number,
): Promise<Finding[]> {
  const places = new Map<number, readonly (string | number)[]>();
  for (const { use, path, config: own } of config.plugins) {
    if (!isServerOnly(use)) continue;
    const { listen } = own as DotGateConfig | RecursiveAuthGateConfig;
    for (const [index, { port }] of listen.entries()) {
      if (port !== 0 && !places.has(port)) places.set(port, [...path, 'listen', index]);
    }
  }
  const resolver = openResolver(config.resolver, { nowMs });
  try {
    const findings = [...places].map(async ([port, path]) => {
      const owner = Name.parse(`_${String(port)}._tcp.${config.identity.name.toString()}`);
      const found = await resolver.lookup(owner, RrType.TLSA);
      return judgeRecord(new FindingsAt(document, path), found, owner, identity);
    });
    return await Promise.all(findings);
  } finally {
    resolver.close();
  }
}

/** Before resolvers, and before authoritative servers. */
function isServerOnly(use: string): boolean {
  return use === dotGate.name || use === recursiveAuthGate.name;
}

interface ServerResult {
  /** Our own TLSA record as this server gives it. */
  readonly own: LookupResult;
  /** undefined: it does what it is there for. */
  readonly fault: Fault | undefined;
}

/** Whether a server whose AD bit is to be believed validates. */
async function askTrustedServer(server: Endpoint, timeoutMs: number, name: Name): Promise<ServerResult> {
  const resolver = new TrustAdResolver({ servers: [server], timeoutMs });
  const who = `the resolver ${formatServer(server)}`;
  const own = await resolver.lookup(name, RrType.TLSA);
  if (own.status === 'secure' || own.status === 'bogus') return { own, fault: undefined };
  // The root is signed: a resolver that does not say so does not validate at all.
  const root = await resolver.lookup(Name.root, RrType.NS);
  if (root.status === 'secure') return { own, fault: undefined };
  if (root.status === 'insecure') {
    const wrong = `${who} does not validate: even the signed root comes without the AD bit`;
    return { own, fault: { wrong, right: turnItOn } };
  }
  if (own.status === 'insecure') {
    const wrong = `${who} answers, but cannot look up the root (${root.detail}), so it cannot validate`;
    return { own, fault: { wrong, right: 'look in its log' } };
  }
  const wrong = `${who} does not answer: ${own.detail}`;
  return { own, fault: { wrong, right: startIt } };
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
    return at.failed({
      wrong,
      right: `mend the signatures of its zone; danced lookup ${owner} shows where it breaks`,
    });
  }
  if (own.status === 'indeterminate') {
    const wrong = `the TLSA record of ${owner} cannot be looked up: ${own.detail}`;
    return at.failed({ wrong, right: `danced lookup ${owner} shows how far it gets` });
  }
  const records = own.records.flatMap((record) => parseOrNothing(record.rdata, parseTlsa) ?? []);
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
