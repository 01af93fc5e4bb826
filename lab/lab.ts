/**
 * A little Internet on loopback: a signed tree of zones from the root down, its authoritative server, a validating
 * resolver, and a primary with a zone to transfer. `danced demo`, the examples and the tests run against it.
 *
 * Nothing here is shared with the gate but core/dns: the lab is the other side.
 *
 * Limitations: every server is on 127.0.0.1, on a port of its own; nothing leaves the machine.
 */
import { RrClass, RrType } from '../core/dns/constants.ts';
import { Name } from '../core/dns/name.ts';
import { presentRecord } from '../core/dns/present.ts';
import { encodeA } from '../core/dns/rdata.ts';
import { LabPrimary } from './primary.ts';
import { LabResolver } from './resolver.ts';
import { answerEach } from './respond.ts';
import { sampleZone } from './sample-zone.ts';
import { startServer } from './servers.ts';
import type { Endpoint, RunningServer } from './servers.ts';
import type { SignedZone } from './signed-zone.ts';
import { nameServer, ServerMap, ZoneTree } from './tree.ts';
import type { ZoneState } from './tree.ts';
import { recordsOf } from './zone.ts';

export type { ZoneState } from './tree.ts';

/** What the lab is made of; every part has a default. */
export interface LabOptions {
  /** Signed zones below `example.`, each with a DS record in its parent. */
  readonly zones?: readonly string[];
  /** Zones without signatures and without a DS record. */
  readonly unsignedZones?: readonly string[];
  /** The zone that the primary holds, and how many records it has. */
  readonly transferZone?: { readonly name: string; readonly records: number };
  /** Ports to listen on; an ephemeral one for each that is not given. */
  readonly ports?: { readonly resolver?: number; readonly primary?: number };
  /** How long signatures hold from the moment they are made. */
  readonly signaturesForSeconds?: number;
  /** Time of the signer and of the resolver. */
  readonly nowMs?: () => number;
}

const week = 7 * 86_400;
const topLevel = Name.parse('example');

/** Starts all servers of the lab. */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const {
    zones = ['ns2.example', 'stranger.example'],
    unsignedZones = ['unsigned.example'],
    transferZone = { name: 'example.com', records: 2000 },
    ports = {},
    signaturesForSeconds = week,
    nowMs = Date.now,
  } = options;
  const tree = new ZoneTree(signaturesForSeconds, nowMs);
  tree.addZone(Name.root);
  tree.addZone(topLevel);
  for (const name of [...zones, ...unsignedZones]) tree.addZone(Name.parse(name));
  for (const name of unsignedZones) tree.setState(Name.parse(name), 'insecure');
  tree.publish(nameServer, RrType.A, [encodeA('127.0.0.1')], 300);
  const authoritative = await startServer(answerEach((query) => tree.server.respond(query)));
  const servers = new ServerMap(tree.server);
  const anchors = [tree.zone(Name.root).key.ds];
  const resolver = await LabResolver.start(
    { anchors, serverOf: (name) => servers.of(name), nowMs },
    ports.resolver,
  );
  const primary = await LabPrimary.start(
    sampleZone(Name.parse(transferZone.name), transferZone.records),
    ports.primary,
  );
  return new Lab({ tree, servers, authoritative, resolver, primary });
}

interface LabParts {
  readonly tree: ZoneTree;
  readonly servers: ServerMap;
  readonly authoritative: RunningServer;
  readonly resolver: LabResolver;
  readonly primary: LabPrimary;
}

/** The running lab. Names are given as `Name` or in presentation format. */
export class Lab {
  /** Serves every signed and unsigned zone of the tree, over UDP and TCP. */
  readonly authoritative: Endpoint;
  readonly resolver: LabResolver;
  readonly primary: LabPrimary;
  readonly #parts: LabParts;

  constructor(parts: LabParts) {
    this.#parts = parts;
    this.authoritative = parts.authoritative;
    this.resolver = parts.resolver;
    this.primary = parts.primary;
  }

  /** The DS record of the root as a zone file line: the lab's only trust anchor. */
  rootAnchor(): string {
    const name = Name.root;
    return presentRecord({ name, type: RrType.DS, class: RrClass.IN, ttl: 0, rdata: this.zone(name).key.ds });
  }

  /** The zones of the tree, the root first. */
  zoneNames(): Name[] {
    return this.#parts.tree.names();
  }

  /** A zone of the tree. Throws when there is none of that name. */
  zone(name: Name | string): SignedZone {
    return this.#parts.tree.zone(toName(name));
  }

  /** A zone as a signed zone file, one record a line, the SOA first. */
  zoneFile(name: Name | string): string {
    const records = [...this.zone(name).rrsets()].flatMap(recordsOf);
    return records.map((record) => `${presentRecord(record)}\n`).join('');
  }

  /** Puts a TLSA RRset at a name, in the place of what was there, and raises the zone's serial. */
  publishTlsa(name: Name | string, rdatas: readonly Buffer[], ttlSeconds = 60): void {
    this.publish(name, RrType.TLSA, rdatas, ttlSeconds);
  }

  /** Takes the TLSA RRset of a name away; the name itself goes with its last record. */
  withdrawTlsa(name: Name | string): void {
    this.publish(name, RrType.TLSA, []);
  }

  /** Puts an RRset at a name, in the place of what was there; with no RDATA, takes it away. */
  publish(name: Name | string, type: number, rdatas: readonly Buffer[], ttlSeconds = 60): void {
    this.#parts.tree.publish(toName(name), type, rdatas, ttlSeconds);
  }

  /** Signs a zone of the tree rightly or wrongly from now on. */
  setZoneState(name: Name | string, state: ZoneState, signaturesForSeconds?: number): void {
    this.#parts.tree.setState(toName(name), state, signaturesForSeconds);
  }

  /** Hangs a zone that somebody else serves into the tree; without DS records it is insecure. */
  delegate(name: Name | string, ds: readonly Buffer[], server: Endpoint): void {
    this.#parts.tree.delegate(toName(name), ds);
    this.#parts.servers.set(toName(name), server);
  }

  async close(): Promise<void> {
    const { authoritative, resolver, primary } = this.#parts;
    await Promise.all([authoritative.close(), resolver.close(), primary.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function toName(name: Name | string): Name {
  return typeof name === 'string' ? Name.parse(name) : name;
}
