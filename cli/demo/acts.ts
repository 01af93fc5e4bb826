/**
 * The four acts of the demo: a secondary comes to the gate as a stranger, as an impostor, as itself, and as itself
 * after its TLSA record is gone. Each act gives facts, and whether they are what they should be.
 */
import { setTimeout } from 'node:timers/promises';
import { rrTypeName, RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { presentTlsa } from '../../core/dns/present.ts';
import { encodeA, encodeTxt } from '../../core/dns/rdata.ts';
import { transfer, type TransferRequest, type TransferResult } from '../../lab/secondary.ts';
import type { Party } from './party.ts';
import { copyFacts, defined, outcomeOf, requestFacts, type ActFacts, type ActKey } from './facts.ts';
import { tlsaTtlSeconds, zone, type Stage } from './stage.ts';
import { ZoneCopy } from './zone-copy.ts';

/** Milliseconds for a request of the client; all of them are answered in a few. */
const requestTimeMs = 15_000;
/** Milliseconds more than a TTL. */
const graceMs = 100;

/** Plays the acts in their order. */
export async function* playActs(stage: Stage): AsyncGenerator<ActFacts, void, undefined> {
  const { lab, parties } = stage;
  yield await refusal(stage, {
    act: 'stranger',
    client: parties.stranger,
    published: parties.stranger,
    reason: 'not-admitted',
    mayAskDns: false,
  });
  yield await refusal(stage, {
    act: 'wrong-key',
    client: parties.impostor,
    published: parties.secondary,
    reason: 'key-mismatch',
    mayAskDns: true,
  });
  yield await allowance(stage);
  lab.withdrawTlsa(parties.secondary.name);
  await forgetting();
  yield await refusal(stage, {
    act: 'withdrawn',
    client: parties.secondary,
    published: undefined,
    reason: 'no-tlsa',
    mayAskDns: true,
  });
}

/** A record counts until its TTL has passed, whoever withdraws it. */
function forgetting(): Promise<void> {
  return setTimeout(tlsaTtlSeconds * 1000 + graceMs);
}

interface RefusalPlan {
  readonly act: ActKey;
  readonly client: Party;
  /** Whose key the DNS has under the client's name. */
  readonly published: Party | undefined;
  /** The reason that the gate must give. */
  readonly reason: string;
  readonly mayAskDns: boolean;
}

async function refusal(stage: Stage, plan: RefusalPlan): Promise<ActFacts> {
  const { client, published } = plan;
  const seen = watch(stage);
  const result = await request(stage, client, { zone, type: 'AXFR' });
  const line = result.outcome === 'closed' ? await seen.line('connection refused') : undefined;
  const reason = line?.field('reason');
  const dnsQueries = seen.dnsQueries();
  return {
    act: plan.act,
    expected: 'refused',
    outcome: outcomeOf([result]),
    asExpected:
      result.outcome === 'closed' &&
      result.records.length === 0 &&
      reason === plan.reason &&
      (plan.mayAskDns || dnsQueries.length === 0),
    client: client.name.toString(),
    keyShown: presentTlsa(client.tlsa),
    ...(published && { keyPublished: presentTlsa(published.tlsa) }),
    requests: [requestFacts('AXFR', result)],
    ...defined({ reason, why: line?.field('why') }),
    dnsQueries,
  };
}

/** The whole zone, then, after a change on the primary, the difference alone. */
async function allowance(stage: Stage): Promise<ActFacts> {
  const { primary } = stage.lab;
  const client = stage.parties.secondary;
  const seen = watch(stage);
  const copy = new ZoneCopy();

  const axfr = await request(stage, client, { zone, type: 'AXFR' });
  const line = axfr.outcome === 'complete' ? await seen.line('transfer') : undefined;
  copy.replace(axfr.records);
  const whole = copyFacts(copy, primary.records);

  const fromSerial = primary.zone.serial;
  const serial = changeZone(stage);
  const ixfr = await request(stage, client, { zone, type: 'IXFR', serial: fromSerial });
  if (ixfr.form === 'incremental') copy.apply(ixfr.records);
  const changed = copyFacts(copy, primary.records);
  return {
    act: 'right-key',
    expected: 'allowed',
    outcome: outcomeOf([axfr, ixfr]),
    asExpected:
      axfr.outcome === 'complete' &&
      whole.equalsPrimary &&
      ixfr.form === 'incremental' &&
      ixfr.serial === serial &&
      changed.equalsPrimary,
    client: client.name.toString(),
    keyShown: presentTlsa(client.tlsa),
    keyPublished: presentTlsa(client.tlsa),
    requests: [
      { ...requestFacts('AXFR', axfr), copy: whole },
      { ...requestFacts('IXFR', ixfr, fromSerial), copy: changed },
    ],
    ...defined({ proof: line?.field('proof') }),
    dnsQueries: seen.dnsQueries(),
  };
}

/** Two records come and one goes; returns the new serial. */
function changeZone({ lab: { primary } }: Stage): number {
  const { name, ttl } = primary.zone.soa;
  const www = name.prepend('www');
  const host = { name: Name.parse(`host-1.${zone}`), type: RrType.A };
  const [old] = primary.zone.rrset(host.name, host.type)?.rdatas ?? [];
  return primary.change({
    add: [
      { name: www, type: RrType.A, ttl, rdata: encodeA('192.0.2.80') },
      { name: www, type: RrType.TXT, ttl, rdata: encodeTxt([Buffer.from('new')]) },
    ],
    remove: old ? [{ ...host, rdata: old }] : [],
  });
}

function request(stage: Stage, as: Party, what: TransferRequest): Promise<TransferResult> {
  const { certificatePem, keyPem } = as;
  const { certificate: expectedCertificate } = stage.parties.gate;
  const gate = { address: '127.0.0.1', port: stage.gatePort, expectedCertificate };
  return transfer({ ...gate, certificatePem, keyPem, timeoutMs: requestTimeMs, ...what });
}

/** What gate and resolver see from now on. */
function watch({ log, lab: { resolver } }: Stage) {
  const [firstLine, firstQuery] = [log.length, resolver.queries.length];
  return {
    line: (event: string) => log.find(event, firstLine),
    dnsQueries: () =>
      resolver.queries.slice(firstQuery).map(({ name, type }) => `${name.toString()} ${rrTypeName(type)}`),
  };
}
