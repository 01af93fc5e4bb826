/**
 * What all rows stand on: members with records in a signed DNS, the load that plays them, and the servers, each started when
 * a row first needs it and kept to the end. A server that gets no load uses nothing.
 */
import { Name } from '../../core/dns/name.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { TestBed } from '../../test/support/peers/test-bed.ts';
import { Trixie } from '../trixie.ts';
import { DotLoad } from './load.ts';
import { makeIdentity, makeMembers, memberZone, startOurs, type GateParts } from './ours.ts';
import {
  startBind,
  startDnsdist,
  startNginx,
  startNsd,
  zoneName,
  type PeerParts,
  type Server,
} from './peers.ts';

/** Members that the connections of the load belong to, in turn. */
export const memberCount = 100;

type Choice = Pick<GateParts, 'workers' | 'cpus' | 'kind'>;

export class World {
  readonly load: DotLoad;
  readonly #lab: Lab;
  readonly #parts: PeerParts;
  #nsd: Promise<Server> | undefined;
  #ours: Promise<Server> | undefined;
  #recursive: Promise<Server> | undefined;
  #nginx: Promise<Server> | undefined;
  #bind: Promise<Server> | undefined;
  #dnsdist: Promise<Server> | undefined;

  private constructor(lab: Lab, load: DotLoad, parts: PeerParts) {
    this.#lab = lab;
    this.load = load;
    this.#parts = parts;
  }

  static async start(say: (words: string) => void): Promise<World> {
    const trixie = Trixie.open(say);
    const bed = new TestBed();
    let lab: Lab | undefined;
    try {
      lab = await startLab({ zones: [memberZone], unsignedZones: [] });
      const server = await makeIdentity('gate.example');
      const members = await makeMembers(lab, memberCount);
      const load = await DotLoad.build(trixie, members, Name.parse(zoneName));
      const certificates = members.map(({ certificatePem }) => certificatePem.trimEnd());
      return new World(lab, load, { bed, trixie, server, members: `${certificates.join('\n')}\n` });
    } catch (error) {
      await bed.close();
      await lab?.close();
      trixie.close();
      throw error;
    }
  }

  /** Our gate before NSD. */
  ours(): Promise<Server> {
    return (this.#ours ??= this.newOurs());
  }

  /** The gate of recursive-auth before the same NSD, with classes. */
  recursive(): Promise<Server> {
    return (this.#recursive ??= this.newOurs({ kind: 'recursive-auth' }));
  }

  /** One more, that nothing has been asked of. */
  async newOurs(choice: Choice = {}): Promise<Server> {
    const { bed, server } = this.#parts;
    return startOurs({ bed, lab: this.#lab, server, upstream: await this.nsd(), ...choice });
  }

  /** nginx before the same NSD. */
  nginx(): Promise<Server> {
    return (this.#nginx ??= this.newNginx());
  }

  /** One more, that nothing has been asked of. */
  async newNginx(workers?: number): Promise<Server> {
    return startNginx(this.#parts, await this.nsd(), workers);
  }

  bind(): Promise<Server> {
    return (this.#bind ??= startBind(this.#parts));
  }

  /** dnsdist before the same NSD. */
  async dnsdist(): Promise<Server> {
    const upstream = await this.nsd();
    return (this.#dnsdist ??= startDnsdist(this.#parts, upstream));
  }

  nsd(): Promise<Server> {
    return (this.#nsd ??= startNsd(this.#parts));
  }

  async close(): Promise<void> {
    const { bed, trixie } = this.#parts;
    await bed.close();
    await this.#lab.close();
    trixie.close();
  }
}
