/**
 * `npm run example:xfr`: the gate with the danced.yaml and access.yaml of this folder, and around it a lab that takes
 * the place of the DNS, the resolver and the primary. Stays up until Ctrl-C, and prints what to try in another terminal.
 * With `--once` it transfers the zone by itself and ends: 0 if that worked, 1 if not.
 *
 * Keys are made at the first start, in run/, which is not part of the source.
 *
 * Limitations: the ports are fixed, because the configuration files name them, so that only one can run at a time.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openParty, type Party } from '../../cli/demo/party.ts';
import { RrType } from '../../core/dns/constants.ts';
import { presentTlsa } from '../../core/dns/present.ts';
import { encodeA } from '../../core/dns/rdata.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { transfer, type TransferResult } from '../../lab/secondary.ts';
import { interrupted, printTrials, startDaemon, stop, writeRunFile } from '../programs.ts';
import { ports, trials } from './commands.ts';

const folder = import.meta.dirname;
const zone = 'example.com';
const recordCount = 5000;
/** Milliseconds for transfers under way when Ctrl-C comes. */
const stopTimeMs = 1000;
/** For the gate to fetch the zone. */
const mostTries = 40;
const betweenTriesMs = 250;

const { values: options } = parseArgs({ options: { once: { type: 'boolean', default: false } } });
const parties = await openParties();
const lab = await startOnPorts();
lab.publishTlsa(parties.secondary.name, [parties.secondary.tlsa]);
lab.publishTlsa(parties.stranger.name, [parties.stranger.tlsa]);
lab.publishTlsa(`_${ports.gate}._tcp.gate.example`, [parties.gate.tlsa]);
// The root key of the lab is the trust anchor of the gate.
writeRunFile(folder, 'root.key', `${lab.rootAnchor()}\n`);
const daemon = await startDaemon(folder, 'danced.yaml');
await untilTransferred();
changeZone();

if (options.once) {
  process.exitCode = (await transferOnce()) ? 0 : 1;
} else {
  tellWhatToTry();
  await interrupted();
}
await daemon.stop(stopTimeMs);
await lab.close();

interface Parties {
  readonly gate: Party;
  /** The secondary that the access list has. */
  readonly secondary: Party;
  /** Somebody with a key and a TLSA record, whom the access list does not have. */
  readonly stranger: Party;
  /** Somebody with the name of the secondary and a key of their own. */
  readonly impostor: Party;
}

async function openParties(): Promise<Parties> {
  const open = (name: string, directory: string) => openParty(name, join(folder, 'run', directory));
  return {
    gate: await open('gate.example', 'gate'),
    secondary: await open('_xfr.ns2.example', 'ns2'),
    stranger: await open('_xfr.stranger.example', 'stranger'),
    impostor: await open('_xfr.ns2.example', 'impostor'),
  };
}

function startOnPorts(): Promise<Lab> {
  const { resolver, primary } = ports;
  return startLab({ ports: { resolver, primary }, transferZone: { name: zone, records: recordCount } }).catch(
    stop,
  );
}

/** The gate keeps the first version then: what leads from it to the next is what IXFR gives. */
async function untilTransferred(): Promise<void> {
  for (let tries = 0; tries < mostTries; tries++) {
    if ((await transferZone()).outcome === 'complete') return;
    await sleep(betweenTriesMs);
  }
}

/** Makes serial 2, so that IXFR has a difference to give. */
function changeZone(): void {
  const { name, ttl } = lab.primary.zone.soa;
  lab.primary.change({
    add: [{ name: name.prepend('www'), type: RrType.A, ttl, rdata: encodeA('192.0.2.80') }],
  });
}

/** A secondary in this process asks for the zone. */
function transferZone(): Promise<TransferResult> {
  const { certificatePem, keyPem } = parties.secondary;
  const { certificate: expectedCertificate } = parties.gate;
  const gate = { address: '127.0.0.1', port: ports.gate, expectedCertificate };
  return transfer({ ...gate, certificatePem, keyPem, zone });
}

/** It asks once more, and sees whether it got it all. */
async function transferOnce(): Promise<boolean> {
  const { outcome, records, serial, error } = await transferZone();
  const isWhole = outcome === 'complete' && records.length === lab.primary.records.length + 1;
  const { name } = parties.secondary;
  const words = isWhole
    ? `${name.toString()} transferred ${zone}: serial ${serial ?? '?'}, ${records.length} records (SOA first and last)`
    : `the transfer failed: ${outcome}${error === undefined ? '' : `: ${error}`}`;
  process.stdout.write(`${words}\n`);
  return isWhole;
}

function tellWhatToTry(): void {
  const { name, tlsa } = parties.secondary;
  const { zone: held, records } = lab.primary;
  printTrials(folder, {
    parties: [
      `The gate listens on 127.0.0.1 port ${ports.gate}, before a primary with ${zone}: serial ${held.serial}, ${records.length} records.`,
      'The DNS of this example has, signed:',
      `  ${name.toString()}. TLSA ${presentTlsa(tlsa)}`,
      '',
    ],
    trials,
    logs: 'The log of the gate follows',
  });
}
