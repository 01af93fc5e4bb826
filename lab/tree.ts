/**
 * The lab's zones as a tree: each is delegated and vouched for by the one above it (RFC 4035 section 2.4), and some
 * are served by somebody else.
 */
import { RrType } from '../core/dns/constants.ts';
import { Name } from '../core/dns/name.ts';
import { serialAdd } from '../core/dns/serial.ts';
import { ask, queryFor } from './ask.ts';
import { Authoritative } from './authoritative.ts';
import type { Upstream } from './chain.ts';
import type { Endpoint } from './servers.ts';
import { SignedZone } from './signed-zone.ts';
import type { Signing } from './signed-zone.ts';
import { Zone } from './zone.ts';

/** How a zone is signed, and whether its parent vouches for it: all but `insecure` have a DS record. */
export type ZoneState = Signing | 'insecure';

/** The one name server that all zones of the tree name. */
export const nameServer = Name.parse('ns.example');

/** The zones and the server's view of them. */
export class ZoneTree {
  readonly server = new Authoritative();
  readonly #names: Name[] = [];
  readonly #validForSeconds: number;
  readonly #nowMs: () => number;

  constructor(validForSeconds: number, nowMs: () => number) {
    this.#validForSeconds = validForSeconds;
    this.#nowMs = nowMs;
  }

  names(): Name[] {
    return [...this.#names];
  }

  zone(apex: Name): SignedZone {
    const zone = this.server.zone(apex);
    if (zone === undefined) throw new Error(`the lab has no zone ${apex.toString()}`);
    return zone;
  }

  addZone(apex: Name): void {
    const zone = new Zone({ apex, nameServer });
    const signed = new SignedZone(zone, {
      signing: 'valid',
      validForSeconds: this.#validForSeconds,
      nowMs: this.#nowMs,
    });
    if (apex.labelCount > 0) this.delegate(apex, [signed.key.ds]);
    this.server.add(signed);
    this.#names.push(apex);
  }

  setState(apex: Name, state: ZoneState, validForSeconds?: number): void {
    const signed = this.zone(apex);
    signed.sign(state === 'insecure' ? 'unsigned' : state, validForSeconds);
    raiseSerial(signed.zone);
    if (apex.labelCount > 0) this.delegate(apex, state === 'insecure' ? [] : [signed.key.ds]);
  }

  publish(name: Name, type: number, rdatas: readonly Buffer[], ttlSeconds: number): void {
    const signed = this.server.zoneOf(name);
    if (signed === undefined) throw new Error(`no zone of the lab has ${name.toString()}`);
    signed.zone.replace({ name, type, ttl: ttlSeconds, rdatas });
    raiseSerial(signed.zone);
  }

  /** RFC 4035 section 2.4: NS and DS, in the zone above. */
  delegate(apex: Name, ds: readonly Buffer[]): void {
    const above = this.server.zoneOf(apex.parent())?.zone;
    if (above === undefined) throw new Error(`no zone of the lab is above ${apex.toString()}`);
    const { ttl } = above.soa;
    above.replace({ name: apex, type: RrType.NS, ttl, rdatas: [nameServer.wire] });
    above.replace({ name: apex, type: RrType.DS, ttl, rdatas: ds });
    raiseSerial(above);
  }
}

/**
 * Which server has which zone: the lab's own, but for the zones that others serve. The lab's resolver asks its own
 * server by a call, not through a socket, since it asks it some eight times for one answer.
 */
export class ServerMap {
  readonly #others = new Map<string, Upstream>();
  readonly #own: Upstream;

  constructor(own: Authoritative) {
    this.#own = (inquiry) => Promise.resolve(own.respond(queryFor(inquiry)));
  }

  set(apex: Name, server: Endpoint): void {
    this.#others.set(apex.key, (inquiry) => ask(server, inquiry));
  }

  of(name: Name): Upstream {
    for (let apex = name; apex.labelCount > 0; apex = apex.parent()) {
      const server = this.#others.get(apex.key);
      if (server !== undefined) return server;
    }
    return this.#own;
  }
}

function raiseSerial(zone: Zone): void {
  zone.serial = serialAdd(zone.serial, 1);
}
