/**
 * Networks that let nobody out before somebody has logged in: the few names by which programs find the login page are asked
 * for at the network's own resolvers, in clear. Exactly the configured names, for addresses alone, and only after no gate
 * could be reached; what comes back is believed for seconds and kept by nobody.
 *
 * Limitations: what a name of the login page itself needs (its own host, a redirection elsewhere) has to be among the names.
 */
import { readFileSync } from 'node:fs';
import {
  formatEndpoint,
  parseResolvConf,
  readAnswer,
  RrClass,
  RrType,
  type Answer,
  type Endpoint,
  type ForwardFailure,
  type Name,
} from '../../../core/index.ts';
import type { CaptiveResolver } from './config.ts';

/** Who asks plain resolvers: the core's Forwarder is one. */
export interface PlainAsker {
  ask(query: Buffer, end: (outcome: Buffer | ForwardFailure) => void): unknown;
  close(): void;
}

export interface CaptiveOptions {
  readonly names: ReadonlyMap<string, Name>;
  readonly resolvers: readonly CaptiveResolver[];
  /** Where we listen ourselves: never asked, whatever the file says. */
  readonly own: readonly Endpoint[];
  readonly askerOf: (servers: readonly Endpoint[]) => PlainAsker;
}

/** Seconds that such an answer counts: soon there may be a gate. */
const longestTtl = 10;
const types: ReadonlySet<number> = new Set([RrType.A, RrType.AAAA, RrType.HTTPS]);
/** Octets of a file in the form of resolv.conf that are looked at. */
const fileOctets = 65_536;
const mostServers = 3;

export class CaptiveNetwork {
  readonly #options: CaptiveOptions;
  #servers = '';
  #asker: PlainAsker | undefined;
  #isClosed = false;

  constructor(options: CaptiveOptions) {
    this.#options = options;
  }

  /** Whether the question is one of those that may go in clear. `nameKey` is that of the name (Name.key). */
  isProbe(nameKey: string, type: number, rrClass: number): boolean {
    return rrClass === RrClass.IN && types.has(type) && this.#options.names.has(nameKey);
  }

  /** Asks the network's resolvers; undefined with no answer, or nobody to ask. Never rejects. */
  async ask(query: Buffer): Promise<Answer | undefined> {
    const asker = this.#askerNow();
    if (asker === undefined) return undefined;
    const outcome = await new Promise<Buffer | ForwardFailure>((resolve) => {
      asker.ask(query, resolve);
    });
    if ('failure' in outcome) return undefined;
    const answer = readAnswer(Buffer.from(outcome));
    return answer && shortened(answer);
  }

  /** Who asks later is not answered. */
  close(): void {
    this.#isClosed = true;
    this.#asker?.close();
  }

  /** The file is read each time: DHCP writes it anew in each network. */
  #askerNow(): PlainAsker | undefined {
    if (this.#isClosed) return undefined;
    const { resolvers, own, askerOf } = this.#options;
    const isOwn = (at: Endpoint): boolean => own.some((one) => formatEndpoint(one) === formatEndpoint(at));
    const servers = resolvers
      .flatMap((resolver) => ('at' in resolver ? [resolver.at] : readServers(resolver.file)))
      .filter((at) => !isOwn(at))
      .slice(0, mostServers);
    const text = servers.map(formatEndpoint).join(' ');
    if (text !== this.#servers) {
      this.#asker?.close();
      this.#asker = servers.length > 0 ? askerOf(servers) : undefined;
      this.#servers = text;
    }
    return this.#asker;
  }
}

/** None for a file that is not there, or not yet. */
function readServers(file: string): readonly Endpoint[] {
  try {
    return parseResolvConf(readFileSync(file, 'utf8').slice(0, fileOctets));
  } catch (error) {
    if (error instanceof Error && 'code' in error) return [];
    throw error;
  }
}

/** With TTLs of seconds, and without the AD bit: nobody has validated that. */
function shortened(answer: Answer): Answer {
  const { octets, places, placesAt, placeCount } = answer;
  for (let index = placesAt; index < placesAt + placeCount; index += 1) {
    const place = answer.start + (places[index] ?? 0);
    // One with the highest bit set counts as 0 (RFC 2181 section 8).
    octets.writeInt32BE(Math.max(0, Math.min(octets.readInt32BE(place), longestTtl)), place);
  }
  octets.writeUInt8(octets.readUInt8(3) & ~authenticDataBit, 3);
  return { ...answer, errorsLength: 0 };
}

const authenticDataBit = 0x20;
