/**
 * The process that is measured on our side: it does what the benchmark orders, and answers with one number.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { associationData } from '../../core/dane/tlsa.ts';
import type { PeerCredentials } from '../../core/dane/types.ts';
import { RrClass, RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import { parseAnchors, TrustAnchors } from '../../core/dnssec/anchors.ts';
import { defaultResolverLimits } from '../../core/resolver/limits.ts';
import { ValidatingResolver } from '../../core/resolver/validating.ts';
import { identify, type ProofMeans } from '../../core/server/identify.ts';
import { answerOrders } from '../measured-process.ts';
import type { Order } from './ours.ts';
import { concurrency } from './unbound.ts';
import { everybodyAdmitted } from '../../test/support/access.ts';

const megabyte = 1024 * 1024;
const identityRounds = 20_000;
let resolver: ValidatingResolver | undefined;

answerOrders(fulfil, () => {
  resolver?.close();
});

async function fulfil(order: Order): Promise<number> {
  switch (order.do) {
    case 'open':
      resolver?.close();
      resolver = new ValidatingResolver({
        servers: [{ address: '127.0.0.1', port: order.port }],
        anchors: new TrustAnchors(parseAnchors(order.anchor)),
        timeoutMs: 10_000,
        limits: { ...defaultResolverLimits, 'cache-octets': 512 * megabyte },
      });
      await lookUp([order.first]);
      return 0;
    case 'look-up': {
      const begun = process.cpuUsage();
      await lookUp(order.names);
      const { user, system } = process.cpuUsage(begun);
      return (user + system) / 1000;
    }
    case 'identity':
      return identityMicroseconds(Name.parse(order.name));
    case 'memory':
      await lookUp(order.names);
      return process.memoryUsage.rss() / megabyte;
  }
}

/** Looks every name's TLSA record up. Throws unless each is secure. */
async function lookUp(names: readonly string[]): Promise<void> {
  const waiting = names[Symbol.iterator]();
  const places = Array.from({ length: concurrency }, async () => {
    for (const name of waiting) {
      const { status, records, detail } = await opened().lookup(Name.parse(name), RrType.TLSA);
      if (status !== 'secure' || records.length === 0) throw new Error(`${name}: ${status}: ${detail}`);
      // The answers of the cache come without a turn of the event loop; the servers' need one.
      await setImmediate();
    }
  });
  await Promise.all(places);
}

/** From what a peer showed to who it is; the record is the cached one, the key a key with its digest. */
async function identityMicroseconds(name: Name): Promise<number> {
  const peer = credentials(name);
  const digest = associationData(peer, 1, 1);
  const rdata = encodeTlsa({ usage: 3, selector: 1, matchingType: 1, data: digest });
  const means: ProofMeans = {
    access: { admit: () => Promise.resolve(everybodyAdmitted) },
    resolver: {
      // The cache is asked, as a gate does; what it says is given the digest of a key that is at hand here.
      lookup: async (owner, type) => {
        const found = await opened().lookup(owner, type);
        const [record] = found.records;
        return { ...found, records: [{ ...(record ?? missing(owner)), rdata }] };
      },
    },
    nowMs: Date.now,
  };
  const { signal } = new AbortController();
  const options = {
    claims: ['certificate-name'],
    dialect: 'draft-13',
    longestProofMs: 3_600_000,
    signal,
  } as const;
  const begun = process.hrtime.bigint();
  for (let round = 0; round < identityRounds; round += 1) {
    const verdict = await identify({ credentials: peer }, means, options);
    if (!verdict.identity) throw new Error(`${name.toString()}: ${verdict.reason}: ${verdict.detail}`);
  }
  return Number(process.hrtime.bigint() - begun) / 1000 / identityRounds;
}

function credentials(name: Name): PeerCredentials {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    certificate: randomBytes(500),
    subjectPublicKeyInfo: publicKey.export({ format: 'der', type: 'spki' }),
    dnsNames: [name],
    chain: [],
  };
}

function missing(name: Name): { name: Name; type: number; class: number; ttl: number } {
  return { name, type: RrType.TLSA, class: RrClass.IN, ttl: 0 };
}

function opened(): ValidatingResolver {
  if (resolver === undefined) throw new Error('no resolver was opened');
  return resolver;
}
